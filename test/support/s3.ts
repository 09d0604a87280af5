/** The S3 interface on a port of its own, over a real store, with one bucket and its key. */
import { createS3, listenS3 } from '../../server/s3/s3.ts';
import type { BucketRecord, ObjectStore } from '../../server/storage/objects/types.ts';
import { testLog } from './log.ts';
import { createTestObjects, type TestObjects } from './objects.ts';

export interface TestS3 {
  readonly objects: TestObjects;
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly bucket: BucketRecord;
  readonly store: ObjectStore;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  close(): Promise<void>;
}

export async function createTestS3(name = 'the-bucket'): Promise<TestS3> {
  const objects = await createTestObjects();
  const { bucket, store } = await objects.bucket(name);
  const key = await objects.storage.createKey(bucket, { name: 'test', canWrite: true });
  if (key === null) throw new Error('The bucket has too many keys');
  const server = await listenS3(createS3({ storage: objects.storage, log: testLog }), {
    host: '127.0.0.1',
    port: 0,
    log: testLog,
  });
  return {
    objects,
    port: server.port,
    endpoint: `http://127.0.0.1:${server.port}`,
    bucket,
    store,
    accessKeyId: key.id,
    secretAccessKey: key.secret,
    async close() {
      await server.close();
      await objects.close();
    },
  };
}
