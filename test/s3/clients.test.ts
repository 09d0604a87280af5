/** The S3 interface, judged by three clients that were not written for it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import * as Minio from 'minio';
import { S3mini } from 's3mini';
import { createTestS3, type TestS3 } from '../support/s3.ts';

let s3: TestS3;
before(async () => {
  s3 = await createTestS3();
});
after(() => s3.close());

const KEY = 'folder/a b+c(ü)!*\'~"&<>.txt';

describe('@aws-sdk/client-s3', () => {
  let client: S3Client;
  const Bucket = 'the-bucket';
  before(() => {
    client = new S3Client({
      endpoint: s3.endpoint,
      region: 'auto',
      forcePathStyle: true,
      credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
      maxAttempts: 1,
    });
  });
  after(() => client.destroy());

  test('puts, gets, heads and deletes an object with its metadata', async () => {
    const Body = 'hello ☃';
    const put = await client.send(
      new PutObjectCommand({
        Bucket,
        Key: KEY,
        Body,
        ContentType: 'text/plain',
        Metadata: { who: 'me' },
        CacheControl: 'no-store',
      }),
    );
    const got = await client.send(new GetObjectCommand({ Bucket, Key: KEY }));
    assert.equal(await got.Body?.transformToString(), Body);
    assert.deepEqual([got.ContentType, got.Metadata, got.CacheControl], ['text/plain', { who: 'me' }, 'no-store']);
    assert.equal(got.ETag, put.ETag);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: KEY }));
    assert.equal(head.ContentLength, Buffer.byteLength(Body));
    const part = await client.send(new GetObjectCommand({ Bucket, Key: KEY, Range: 'bytes=1-3' }));
    assert.deepEqual([await part.Body?.transformToString(), part.ContentRange], ['ell', 'bytes 1-3/9']);
    await client.send(new DeleteObjectCommand({ Bucket, Key: KEY }));
    await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: KEY })), { name: 'NoSuchKey' });
    await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: KEY })), { name: 'NotFound' });
  });

  test('streams a body whose checksum comes behind it, with each algorithm', async () => {
    const content = randomBytes(300_000);
    for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
      const Body = Readable.from([content.subarray(0, 100_000), content.subarray(100_000)]);
      await client
        .send(new PutObjectCommand({ Bucket, Key: 'streamed', Body, ContentLength: content.length, ChecksumAlgorithm }))
        .catch((error: Error) => {
          // The client has no code of its own for this one without another package.
          if (ChecksumAlgorithm !== 'CRC64NVME' || !error.message.includes('crc64')) throw error;
        });
      const got = await client.send(new GetObjectCommand({ Bucket, Key: 'streamed' }));
      assert.deepEqual(Buffer.from((await got.Body?.transformToByteArray()) ?? []), content, ChecksumAlgorithm);
    }
  });

  test('asks with conditions, and hears 304 and 412', async () => {
    const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key: 'c', Body: 'v' }));
    const get = (more: object) => client.send(new GetObjectCommand({ Bucket, Key: 'c', ...more }));
    await assert.rejects(
      get({ IfNoneMatch: ETag }),
      (error: { $metadata?: { httpStatusCode?: number } }) => error.$metadata?.httpStatusCode === 304,
    );
    await assert.rejects(get({ IfMatch: '"other"' }), { name: 'PreconditionFailed' });
    await get({ IfMatch: ETag });
    const put = (more: object) => client.send(new PutObjectCommand({ Bucket, Key: 'c', Body: 'w', ...more }));
    await assert.rejects(put({ IfNoneMatch: '*' }), { name: 'PreconditionFailed' });
    await put({ IfMatch: ETag });
  });

  test('lists in pages, by prefix and delimiter, in both versions', async () => {
    for (const key of ['l/1', 'l/2', 'l/sub/3', 'l/sub/4', 'l/ü', 'other']) {
      await client.send(new PutObjectCommand({ Bucket, Key: key, Body: key }));
    }
    const keys: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket, Prefix: 'l/', Delimiter: '/', MaxKeys: 2, ContinuationToken }),
      );
      keys.push(
        ...(page.Contents ?? []).map(({ Key }) => Key ?? ''),
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
      );
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    assert.deepEqual(keys.toSorted(), ['l/1', 'l/2', 'l/sub/', 'l/ü']);
    const first = await client.send(new ListObjectsCommand({ Bucket, Prefix: 'l/', Delimiter: '/', MaxKeys: 3 }));
    assert.equal(first.IsTruncated, true);
    const second = await client.send(
      new ListObjectsCommand({ Bucket, Prefix: 'l/', Delimiter: '/', Marker: first.NextMarker }),
    );
    assert.deepEqual([second.Contents?.map(({ Key }) => Key), second.CommonPrefixes], [['l/ü'], undefined]);
    const buckets = await client.send(new ListBucketsCommand({}));
    assert.deepEqual(
      buckets.Buckets?.map(({ Name }) => Name),
      [Bucket],
    );
    await client.send(new HeadBucketCommand({ Bucket }));
  });

  test('copies, and deletes many at once', async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'from', Body: 'copied', Metadata: { a: '1' } }));
    await client.send(new CopyObjectCommand({ Bucket, Key: 'to', CopySource: `${Bucket}/from` }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'to' }));
    assert.deepEqual([await got.Body?.transformToString(), got.Metadata], ['copied', { a: '1' }]);
    const deleted = await client.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: [{ Key: 'from' }, { Key: 'to' }, { Key: 'never & was' }] },
      }),
    );
    assert.deepEqual(
      deleted.Deleted?.map(({ Key }) => Key),
      ['from', 'to', 'never & was'],
    );
    await assert.rejects(client.send(new CopyObjectCommand({ Bucket, Key: 'x', CopySource: 'other-bucket/from' })), {
      name: 'AccessDenied',
    });
  });

  test('uploads in parts, and gives an upload up', async () => {
    const Key = 'parts';
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ContentType: 'x/y' }));
    const contents = [randomBytes(5 * 1024 * 1024), randomBytes(1000)];
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const [index, Body] of contents.entries()) {
      const PartNumber = index + 1;
      const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      Parts.push({ PartNumber, ETag });
    }
    const listed = await client.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    assert.deepEqual(
      listed.Parts?.map(({ Size }) => Size),
      [5 * 1024 * 1024, 1000],
    );
    const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    assert.deepEqual(
      uploads.Uploads?.map((upload) => upload.UploadId),
      [UploadId],
    );
    await client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key }));
    assert.deepEqual(Buffer.from((await got.Body?.transformToByteArray()) ?? []), Buffer.concat(contents));
    assert.equal(got.ContentType, 'x/y');
    const second = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: second.UploadId }));
    await assert.rejects(
      client.send(new UploadPartCommand({ Bucket, Key, UploadId: second.UploadId, PartNumber: 1, Body: 'x' })),
      { name: 'NoSuchUpload' },
    );
  });
});

describe('minio', () => {
  let client: Minio.Client;
  const bucket = 'the-bucket';
  before(() => {
    client = new Minio.Client({
      endPoint: '127.0.0.1',
      port: s3.port,
      useSSL: false,
      accessKey: s3.accessKeyId,
      secretKey: s3.secretAccessKey,
      region: 'us-east-1',
    });
  });

  const read = async (stream: Readable): Promise<Buffer> => Buffer.concat(await stream.toArray());

  test('puts buffers and streams, gets them whole and in part, and knows their size', async () => {
    await client.putObject(bucket, `minio/${KEY}`, 'hello', 5, {
      'Content-Type': 'text/plain',
      'X-Amz-Meta-Who': 'me',
    });
    assert.equal((await read(await client.getObject(bucket, `minio/${KEY}`))).toString(), 'hello');
    assert.equal((await read(await client.getPartialObject(bucket, `minio/${KEY}`, 1, 3))).toString(), 'ell');
    const stat = await client.statObject(bucket, `minio/${KEY}`);
    assert.deepEqual([stat.size, stat.metaData.who, stat.metaData['content-type']], [5, 'me', 'text/plain']);
    const large = randomBytes(7 * 1024 * 1024);
    await client.putObject(bucket, 'minio/large', Readable.from([large.subarray(0, 1e6), large.subarray(1e6)]));
    assert.deepEqual(await read(await client.getObject(bucket, 'minio/large')), large);
  });

  test('lists, and removes', async () => {
    const found: string[] = [];
    for await (const item of client.listObjectsV2(bucket, 'minio/', true))
      found.push((item as { name?: string }).name ?? '');
    assert.deepEqual(found.toSorted(), [`minio/${KEY}`, 'minio/large']);
    await client.removeObjects(bucket, ['minio/large', `minio/${KEY}`]);
    await assert.rejects(client.statObject(bucket, 'minio/large'), { code: 'NotFound' });
    assert.equal(await client.bucketExists(bucket), true);
  });

  test('makes URLs that anybody may use until they expire, and only for what they say', async () => {
    const put = await client.presignedPutObject(bucket, 'shared', 60);
    assert.equal((await fetch(put, { method: 'PUT', body: 'by url' })).status, 200);
    const get = await client.presignedGetObject(bucket, 'shared', 60, { 'response-content-type': 'text/x' });
    const response = await fetch(get);
    assert.deepEqual([await response.text(), response.headers.get('content-type')], ['by url', 'text/x']);
    for (const [url, method] of [
      [get.replace('/shared', '/other'), 'GET'],
      [get.replace('text%2Fx', 'text%2Fhtml'), 'GET'],
      [get.replace('X-Amz-Expires=60', 'X-Amz-Expires=6000'), 'GET'],
      [get, 'DELETE'],
    ] as const) {
      const refused = await fetch(url, { method });
      assert.equal(refused.status, 403);
      assert.match(await refused.text(), /<Code>SignatureDoesNotMatch<\/Code>/);
    }
    const old = await client.presignedUrl('GET', bucket, 'shared', 1, {}, new Date(Date.now() - 5000));
    assert.match(await (await fetch(old)).text(), /<Code>AccessDenied<\/Code><Message>Request has expired/);
  });
});

describe('s3mini', () => {
  test('puts, gets, lists, uploads in parts and deletes', async () => {
    const client = new S3mini({
      accessKeyId: s3.accessKeyId,
      secretAccessKey: s3.secretAccessKey,
      endpoint: `${s3.endpoint}/the-bucket`,
      region: 'auto',
    });
    assert.equal(await client.bucketExists(), true);
    await client.putObject('mini/a', 'hello', 'text/plain');
    assert.equal(await client.getObject('mini/a'), 'hello');
    assert.equal(await client.objectExists('mini/none'), false);
    const uploadId = await client.getMultipartUploadId('mini/b', 'x/y');
    const first = await client.uploadPart('mini/b', uploadId, randomBytes(5 * 1024 * 1024), 1);
    const last = await client.uploadPart('mini/b', uploadId, Buffer.from('end'), 2);
    await client.completeMultipartUpload('mini/b', uploadId, [first, last]);
    assert.equal(await client.getContentLength('mini/b'), 5 * 1024 * 1024 + 3);
    const listed = await client.listObjects('/', 'mini/');
    assert.deepEqual(
      listed?.map(({ Key }) => Key),
      ['mini/a', 'mini/b'],
    );
    assert.equal(await client.deleteObject('mini/a'), true);
    assert.equal(await client.getObject('mini/a'), null);
  });
});
