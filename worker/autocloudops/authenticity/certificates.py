"""SNS's signing certificates: what makes one acceptable, and what one says of a message.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html asks for https, a certificate of Amazon
SNS and a valid chain. The file holds the certificate alone, and its issuer's would have to come from an address that
the certificate names. So the chain is that of the TLS connection to the pinned host, as in AWS's own validators.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from autocloudops.alarms.load import Refused
from autocloudops.alarms.signature import CertificateLocation, Signed

MIN_KEY_BITS = 2048
_DIGESTS = {
    "1": SHA1(),  # noqa: S303 - signature version 1 is SHA1withRSA, the default of SNS topics
    "2": SHA256(),
}


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """An accepted certificate: its key, and from when to when it counts (UTC)."""

    key: RSAPublicKey
    not_before: datetime
    not_after: datetime

    def verify(self, signed: Signed, now: datetime) -> None:
        """Hold a message against this certificate: SHA1withRSA for version 1, SHA256withRSA for version 2.

        Args:
            signed: the text and its signature.
            now: the time at which the certificate must count.

        Raises:
            Refused: `certificate_refused` outside its dates, `signature_invalid` where the signature is not its key's.
        """
        if not self.not_before <= now <= self.not_after:
            dates = f"{self.not_before:%Y-%m-%d} to {self.not_after:%Y-%m-%d}"
            raise Refused("certificate_refused", f"the signing certificate counts from {dates} only")
        try:
            self.key.verify(signed.signature, signed.text, PKCS1v15(), _DIGESTS[signed.version])
        except InvalidSignature as error:
            raise Refused("signature_invalid", "the signature is not SNS's for this text") from error


def signing_certificate(pem: bytes, location: CertificateLocation) -> SigningCertificate:
    """Return the certificate in `pem`, which must bear one of the names of `location` and hold a strong RSA key.

    Args:
        pem: what the host answered: exactly one certificate.
        location: where it came from.

    Raises:
        Refused: `certificate_refused`.
    """
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem)
        names, key = _names(certificate), certificate.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise Refused("certificate_refused", f"{location.url} holds no certificate that can be read") from error
    if not names & location.names:
        raise Refused("certificate_refused", f"the certificate of {location.url} is not one of SNS in its region")
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise Refused("certificate_refused", f"the key of {location.url} is no RSA key of {MIN_KEY_BITS} bits")
    return SigningCertificate(key, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(found.value.get_values_for_type(x509.DNSName))
