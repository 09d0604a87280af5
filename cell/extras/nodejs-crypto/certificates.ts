/** X509Certificate: Deno's, where it differs from workerd's. */
import { describe } from './describe.ts';
import { argumentValueError, native, argumentTypeError } from './native.ts';

interface Certificate {
  readonly subject?: string;
  readonly subjectAltName?: string;
  readonly issuer?: string;
}

const NativeCertificate = native.X509Certificate as unknown as new (data: unknown) => Certificate;

/** The dNSName entries of the subject's alternative names. */
function dnsNames({ subjectAltName }: Certificate): string[] {
  const names: string[] = [];
  for (const entry of (subjectAltName ?? '').split(', ')) if (entry.startsWith('DNS:')) names.push(entry.slice(4));
  return names;
}

/** RFC 6125: a wildcard stands for one whole label. */
function matches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}

/** Deno has these, workerd not. */
const FOREIGN = ['validFromDate', 'validToDate', 'signatureAlgorithm', 'signatureAlgorithmOid'];

function checkHost(this: Certificate, name: unknown): string | undefined {
  if (typeof name !== 'string') {
    throw argumentTypeError(`The "name" argument must be of type string. Received ${describe(name)}`);
  }
  const host = name.toLowerCase();
  for (const pattern of dnsNames(this)) {
    if (matches(pattern.toLowerCase(), host)) return pattern.startsWith('*.') ? pattern : host;
  }
  return undefined;
}

export class X509Certificate extends NativeCertificate {
  constructor(buffer: unknown) {
    try {
      super(buffer);
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_INVALID_ARG_TYPE') throw error;
      throw argumentValueError(`The argument 'buffer' is not a valid certificate. Received ${describe(buffer)}`);
    }
  }

  static {
    for (const name of FOREIGN) Reflect.deleteProperty(NativeCertificate.prototype, name);
    Object.defineProperty(this.prototype, 'checkHost', { value: checkHost, writable: true, configurable: true });
  }
}
