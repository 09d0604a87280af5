import * as jose from 'jose';
const rec = async (f) => { try { return await f(); } catch (e) { return { $error: e.name, $message: e.message, code: e.code }; } };
export default { async fetch(request) {
  const secret = new TextEncoder().encode('a secret of some length, thirty-two');
  const jwt = await new jose.SignJWT({ role: 'admin' }).setProtectedHeader({ alg: 'HS256' }).setIssuedAt(1700000000).setIssuer('skep').setExpirationTime(4000000000).sign(secret);
  const out = { jwt, verified: await jose.jwtVerify(jwt, secret, { issuer: 'skep' }) };
  out.wrong = await rec(() => jose.jwtVerify(jwt, secret, { issuer: 'other' }));
  out.tampered = await rec(() => jose.jwtVerify(jwt.slice(0, -2) + 'xx', secret));
  for (const alg of ['ES256', 'EdDSA', 'ES512']) out[alg] = await rec(async () => { const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true }); const t = await new jose.SignJWT({ a: 1 }).setProtectedHeader({ alg }).sign(privateKey); const jwk = await jose.exportJWK(publicKey); const k = await jose.importJWK(jwk, alg); return [(await jose.jwtVerify(t, k)).payload, jwk.kty, jwk.crv, (await jose.exportSPKI(publicKey)).split('\n')[0], (await jose.exportPKCS8(privateKey)).split('\n')[0], (await jose.calculateJwkThumbprint(jwk)).length]; });
  for (const [alg, enc] of [['dir', 'A256GCM'], ['A256KW', 'A128CBC-HS256'], ['PBES2-HS256+A128KW', 'A256GCM'], ['ECDH-ES', 'A128GCM']]) out[alg + enc] = await rec(async () => {
    let pub, priv;
    if (alg === 'dir') pub = priv = new Uint8Array(32).fill(7); else if (alg === 'A256KW') pub = priv = new Uint8Array(32).fill(9); else if (alg.startsWith('PBES2')) pub = priv = new TextEncoder().encode('password'); else { const kp = await jose.generateKeyPair(alg, { extractable: true, modulusLength: 2048 }); pub = kp.publicKey; priv = kp.privateKey; }
    const e = new jose.CompactEncrypt(new TextEncoder().encode('hello')).setProtectedHeader({ alg, enc });
    const t = await e.encrypt(pub); const d = await jose.compactDecrypt(t, priv, { keyManagementAlgorithms: [alg] }); return [t.split('.').length, new TextDecoder().decode(d.plaintext)]; });
  const jwks = jose.createLocalJWKSet({ keys: [{ kty: 'oct', k: jose.base64url.encode('x'.repeat(32)), kid: 'k1', alg: 'HS256' }] });
  const t2 = await new jose.SignJWT({}).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(new TextEncoder().encode('x'.repeat(32)));
  out.jwks = await rec(async () => (await jose.jwtVerify(t2, jwks)).protectedHeader);
  out.unsecured = jose.UnsecuredJWT.decode(new jose.UnsecuredJWT({ x: 1 }).encode()).payload;
  return Response.json(out);
} };
