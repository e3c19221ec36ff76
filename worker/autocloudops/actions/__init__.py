"""Acting on AWS: facts about targets, claims carried out by Systems Manager, and whether they helped."""
