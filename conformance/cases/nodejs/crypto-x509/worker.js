import { X509Certificate, createPrivateKey, createPublicKey } from "node:crypto";
import { probeAll } from "./keys.js";
const ec = `-----BEGIN CERTIFICATE-----
MIICGzCCAcGgAwIBAgIUTrszUqOFkS6TxR9IhY7zxkOF5h8wCgYIKoZIzj0EAwIw
MjELMAkGA1UEBhMCREUxDTALBgNVBAoMBFNrZXAxFDASBgNVBAMMC2V4YW1wbGUu
Y29tMCAXDTI2MTEyMjA5NTEwM1oYDzIxMjYxMDI5MDk1MTAzWjAyMQswCQYDVQQG
EwJERTENMAsGA1UECgwEU2tlcDEUMBIGA1UEAwwLZXhhbXBsZS5jb20wWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAASE6x0hGnoLyOpVwu0kqFd1hPTOamnxf8KSo/0/
HOF75hbAR/BNg5XyXhTcyBYgT7LSlVjb49JjAiopXlyEPf4ho4GyMIGvMB0GA1Ud
DgQWBBSzrNHqmdQJUU/IJwBKJ+NoAW/OwTAfBgNVHSMEGDAWgBSzrNHqmdQJUU/I
JwBKJ+NoAW/OwTAPBgNVHRMBAf8EBTADAQH/MDoGA1UdEQQzMDGCC2V4YW1wbGUu
Y29tgg0qLmV4YW1wbGUub3JnhwR/AAABgQ1hQGV4YW1wbGUuY29tMAsGA1UdDwQE
AwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAKBggqhkjOPQQDAgNIADBFAiBbYQMb
8qeurY7kS6krNBZJ8+Tp6tgUI1cWJB63NeN1RAIhAJeDnrjaJvzhrcF9Jax70EKh
2zeRrNv2Q4U2IuOjEBup
-----END CERTIFICATE-----`;
const ecKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTLWWMo++rZJSzCd/
u8FZ+LMVZp91tIXDnRyTmrQcc9ShRANCAASE6x0hGnoLyOpVwu0kqFd1hPTOamnx
f8KSo/0/HOF75hbAR/BNg5XyXhTcyBYgT7LSlVjb49JjAiopXlyEPf4h
-----END PRIVATE KEY-----`;
const rsa = `-----BEGIN CERTIFICATE-----
MIIDATCCAemgAwIBAgIUIfW7L6KJF5Kc4V/uKAKamyAP9DIwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEUm9vdDAgFw0yNjExMjIwOTUxMDNaGA8yMTI2MTAyOTA5
NTEwM1owDzENMAsGA1UEAwwEUm9vdDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCC
AQoCggEBAK4ROIuZIUWoIX2GOm5BrcNs2fMx1ZyDQCJxhHdwTsOGFjcRIOsP3heK
p3mtyjYutVHz25XEa0JNkqvLoquBCACG61TLPiRPoAixUyT8OzywPMAMlU2kAI9L
w5N6rbG4o0GVvv8beu589WTZNbahzXpSiCLu3th1HCVoOUM5xnR00mV208xu4TJr
5v/kidjCiurBJfyql6MBfyLWPqpR036MYmL3VII1UjG+Vt72hzTC/9QmcgZd8ZjA
6Q57aElWawyZ30fGfo+ZafiTFnALVd2b0HxcnH5teAg2LS44lmN4OLyERxJs4+jF
HRE2EWMFQeB920nresxHCuIHn828NvUCAwEAAaNTMFEwHQYDVR0OBBYEFAUw3/qy
CZgkiJwYA1C0c0GvQeIYMB8GA1UdIwQYMBaAFAUw3/qyCZgkiJwYA1C0c0GvQeIY
MA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAG+Vxc2nbob2hds7
EHIjyeEhH3sXPrELsuonR7WzhzAVU2higWBOAIn3rPu2GznA5cHdCPEm2UmC3RJh
MgibkFY1/F+NVcuSAhddNJqOJc3nBOVKUhOCQo7oPLHTPxyFATgtSr/CfBy6ph/N
YUXBiQn0D8M1rZcCdQ+88B1uwWF9ZWGLhBrvV5N6M5vkFXz0cfJsNeli8dkUVjQn
NPE8G0fvf1OYqIy/WqwVDTKaa984vdor7k+vtOa1XttAz1e4ePwBe2yTiZ32Eu3Y
zY1Bv9sIFmnIua1p2y3+zBqNiuDUbumPbzi6BgFumLn2jvEb0LIdgw20A7Re4sFk
CJshwyc=
-----END CERTIFICATE-----`;
const c = new X509Certificate(ec), r = new X509Certificate(Buffer.from(rsa));
export default {
  async fetch() {
    const out = {};
    for (const [n, x] of [["ec", c], ["rsa", r]])
      out[n] = await probeAll(Object.fromEntries(["subject", "subjectAltName", "issuer", "infoAccess", "validFrom", "validTo", "fingerprint", "fingerprint256", "fingerprint512", "serialNumber", "validFromDate", "validToDate", "signatureAlgorithm"].map((k) => [k, () => x[k] ?? "none"])));
    out.checks = await probeAll({
      raw: () => [c.raw.length, new X509Certificate(c.raw).fingerprint === c.fingerprint],
      text: () => c.toString() === ec + "\n",
      json: () => JSON.stringify(c) === JSON.stringify(ec + "\n"),
      publicKey: () => [c.publicKey.type, c.publicKey.asymmetricKeyType, r.publicKey.asymmetricKeyType],
      host: () => ["example.com", "EXAMPLE.com", "a.example.org", "a.b.example.org", "other.com", "example.org"].map((h) => c.checkHost(h) ?? "no"),
      email: () => ["a@example.com", "b@example.com"].map((h) => c.checkEmail(h) ?? "no"),
      ip: () => ["127.0.0.1", "127.0.0.2", "::1"].map((h) => c.checkIP(h) ?? "no"),
      hostBad: () => c.checkHost(5),
      issued: () => [c.checkIssued(c), c.checkIssued(r), r.checkIssued(r)],
      verify: () => [c.verify(c.publicKey), r.verify(r.publicKey)],
      verifyOther: () => c.verify(r.publicKey),
      none: () => new X509Certificate(),
      number: () => new X509Certificate(5),
      fromPem: () => createPublicKey(ec).asymmetricKeyType,
      issuerCertificate: () => String(c.issuerCertificate),
      noSubject: () => c.checkHost("cn", { subject: "never" }) ?? "no",
    });
    return Response.json(out);
  },
};
