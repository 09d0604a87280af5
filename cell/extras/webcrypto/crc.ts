/** Checksums that `DigestStream` has beside the cryptographic hashes. */
import { type RunningDigest, startCrc } from '../../../shared/crc.ts';
import { sameName } from './text.ts';

/** Undefined when the name is not a checksum's. */
export function startChecksum(name: string): RunningDigest | undefined {
  if (sameName(name, 'crc32')) return startCrc('crc32');
  if (sameName(name, 'crc32c')) return startCrc('crc32c');
  return sameName(name, 'crc64nvme') ? startCrc('crc64nvme') : undefined;
}
