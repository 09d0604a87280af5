import dns from 'node:dns';
import dnsPromises from 'node:dns/promises';
import net from 'node:net';
import tls from 'node:tls';
const attempt = (f) => {
  try {
    const v = f();
    return v === undefined ? 'undefined' : v;
  } catch (e) {
    return { $error: e.name, $message: e.message, code: e.code };
  }
};
const settled = async (f) => {
  try {
    return (await f()) ?? 'undefined';
  } catch (e) {
    return { $error: e.name, $message: e.message, code: e.code };
  }
};
export default {
  async fetch() {
    const list = new net.BlockList();
    list.addAddress('1.2.3.4');
    list.addRange('10.0.0.1', '10.0.0.9');
    list.addSubnet('192.168.0.0', 16);
    const address = new net.SocketAddress({ address: '1.2.3.4', port: 80 });
    return Response.json({
      names: [Object.keys(dns).sort(), Object.keys(dnsPromises).sort(), Object.keys(net).sort(), Object.keys(tls).sort()],
      dns: [
        attempt(() => dns.getServers()), attempt(() => dns.getDefaultResultOrder()), attempt(() => dns.setDefaultResultOrder('x')),
        attempt(() => dns.setDefaultResultOrder('ipv4first')), attempt(() => dns.getDefaultResultOrder()),
        attempt(() => dns.lookup('x')), attempt(() => dns.resolve4('x')), attempt(() => dns.setServers(['1.1.1.1'])), dns.NOTFOUND,
        dns.ADDRCONFIG,
      ],
      promises: [
        await settled(() => dnsPromises.resolve4(5)), await settled(() => dnsPromises.resolveAny('x')),
        await settled(() => dnsPromises.lookupService('1.1.1.1', 80)), await settled(() => dnsPromises.lookup()),
        await settled(() => dnsPromises.lookup('127.0.0.1')), await settled(() => dnsPromises.lookup('::1')),
      ],
      ip: ['1.2.3.4', '::1', '1.2.3', 'x', ''].map((text) => [net.isIP(text), net.isIPv4(text), net.isIPv6(text)]),
      blocked: ['1.2.3.4', '10.0.0.5', '192.168.3.4', '8.8.8.8'].map((ip) => list.check(ip)),
      address: [address.address, address.port, address.family],
      net: [
        attempt(() => net.connect()), attempt(() => net.createConnection()), attempt(() => net.getDefaultAutoSelectFamily()),
        attempt(() => net.getDefaultAutoSelectFamilyAttemptTimeout()), attempt(() => net.setDefaultAutoSelectFamilyAttemptTimeout('x')),
        net.connect === net.createConnection, attempt(() => net.createServer().listening),
      ],
      tls: [
        attempt(() => tls.connect()), attempt(() => tls.createServer()), attempt(() => tls.getCiphers()), attempt(() => tls.createSecurePair()),
        tls.rootCertificates, tls.DEFAULT_MIN_VERSION, tls.DEFAULT_MAX_VERSION, tls.DEFAULT_ECDH_CURVE, tls.CLIENT_RENEG_LIMIT,
        attempt(() => typeof tls.createSecureContext()),
      ],
    });
  },
};
