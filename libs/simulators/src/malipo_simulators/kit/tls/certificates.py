"""What any certificate here is made of. Who signs it, for how long and for what is up to its authority."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

type PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
type PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def named(organization: str, common_name: str) -> x509.Name:
    attributes = {NameOID.ORGANIZATION_NAME: organization, NameOID.COMMON_NAME: common_name}
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes.items()])


def builder(
    subject: x509.Name, issued_by: x509.Name, key: PublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    empty = x509.CertificateBuilder().subject_name(subject).issuer_name(issued_by).public_key(key)
    return empty.not_valid_before(begins).not_valid_after(ends)


def of_authority(
    unfinished: x509.CertificateBuilder, key: PublicKey, issuer_key: PublicKey, *, path_length: int | None = None
) -> x509.CertificateBuilder:
    """May sign certificates, and `path_length` authorities below itself (None: any number)."""
    return (
        unfinished.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def of_leaf(
    unfinished: x509.CertificateBuilder, issuer_key: PublicKey, purpose: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    """Signs no certificates; `purpose` is one of `ExtendedKeyUsageOID`."""
    return (
        unfinished.serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
