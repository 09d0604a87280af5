/** A PostgreSQL that wants TLS, as those of other people do. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

/** What a client sends that wants TLS. */
const SSL_REQUEST = 80_877_103;

/** Of nobody, for nothing but tests; good for a hundred years. */
const SELF_SIGNED = createSecureContext({
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiMIpzQ43+MNZ8Kfk
z0hZfSXrOX+tURwflLbv8TkJdQuhRANCAAQ/qY5wiPulLzzVm8qknharg/pceQzl
y0hAP6Yk4j2nZVSlX3qmei5EiLpA49Jjf6W1ZrIhwMMnAmYlTRNdRUEQ
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUSawA6/5CUeHbGx89aGkKUn1B/7kwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2tlcC10ZXN0MCAXDTI2MTEyMjEzMjgxN1oYDzIxMjYxMDI5
MTMyODE3WjAUMRIwEAYDVQQDDAlza2VwLXRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ/qY5wiPulLzzVm8qknharg/pceQzly0hAP6Yk4j2nZVSlX3qmei5E
iLpA49Jjf6W1ZrIhwMMnAmYlTRNdRUEQo1MwUTAdBgNVHQ4EFgQUlQBcaVwgbIbt
pOcwmwRGpqnf8LAwHwYDVR0jBBgwFoAUlQBcaVwgbIbtpOcwmwRGpqnf8LAwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAyWfaDnbdTyFEr2gWCxi6
JHB8ccdmPJtSY5cAFJ4Sf7gCIHQu40kDSj9aePhRo3/yiO2OSnB65oFr+RbPYr2f
rFlY
-----END CERTIFICATE-----`,
});

/** The PostgreSQL of that unix socket behind TLS, with a certificate that nobody signed; clients that do not ask for it are cut off. */
export async function tlsPostgres(
  socketPath: string,
): Promise<{ readonly port: number; readonly secured: number; close(): Promise<void> }> {
  const open = new Set<Socket>();
  let secured = 0;
  const server = createServer((client) => {
    open.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => open.delete(client));
    client.once('data', (first) => {
      if (first.length !== 8 || first.readUInt32BE(4) !== SSL_REQUEST) {
        client.destroy();
        return;
      }
      client.write('S');
      const inside = new TLSSocket(client, { isServer: true, secureContext: SELF_SIGNED });
      const upstream = connect(socketPath);
      inside.once('secure', () => secured++);
      for (const [one, other] of [
        [inside, upstream],
        [upstream, inside],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
        one.pipe(other);
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    get secured() {
      return secured;
    },
    close: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
