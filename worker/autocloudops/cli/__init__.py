"""The command line. `app` names every verb; each verb's own module is loaded when it runs."""
