"""SMTP submission server (aiosmtpd) that takes mail only after STARTTLS and AUTH.

Its certificate is signed by an authority made at start, written to --ca-out. Dumps one JSON line per
accepted message: mail_from, rcpt_tos, auth_user, tls, headers (names in lower case, values decoded),
text and html (the bodies as Python's `email` finds them, or null).
"""

import argparse
import asyncio
import datetime
import ipaddress
import ssl
import tempfile
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import peer

ACCOUNT = LoginPassword(b"alerts", b"s3cret")
NAMES = x509.SubjectAlternativeName(
    [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate(subject, key, issuer, issuer_key, extension, critical):
    name = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(extension, critical)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def tls_context(ca_out):
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.BasicConstraints(ca=True, path_length=0)
    ca_out.write_bytes(certificate("peer test CA", ca_key, "peer test CA", ca_key, authority, True))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as chain:
        chain.write(pem(key) + certificate("localhost", key, "peer test CA", ca_key, NAMES, False))
        chain.flush()
        context.load_cert_chain(chain.name)
    return context


def authenticate(_server, _session, _envelope, _mechanism, given):
    if given == ACCOUNT:
        return AuthResult(success=True, auth_data=given.login.decode())
    return AuthResult(success=False, handled=False)


class Mailbox:
    def __init__(self, dump):
        self.dump = dump

    async def handle_DATA(self, _server, session, envelope):
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = lambda kind: (part := message.get_body((kind,))) and part.get_content()
        peer.append(self.dump, {
            "mail_from": envelope.mail_from,
            "rcpt_tos": envelope.rcpt_tos,
            "auth_user": session.auth_data,
            "tls": session.ssl is not None,
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "text": body("plain"),
            "html": body("html"),
        })
        return "250 2.0.0 accepted"


async def serve(options):
    context, mailbox = tls_context(options.ca_out), Mailbox(options.dump)

    def session():
        return SMTP(
            mailbox,
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    peer.announce(server.sockets[0].getsockname()[1])
    peer.end_with_parent()
    await server.serve_forever()


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--dump", required=True, help="file to append one JSON line per message to")
    arguments.add_argument("--ca-out", required=True, type=Path, help="file to write the authority's PEM to")
    asyncio.run(serve(arguments.parse_args()))


if __name__ == "__main__":
    main()
