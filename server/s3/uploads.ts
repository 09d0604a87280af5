/** S3's multipart uploads. */
import { R2_LIMITS } from '../../shared/limits.ts';
import type { UploadedPart } from '../../shared/r2.ts';
import type { Content, UploadKey } from '../storage/objects/types.ts';
import { sendNothing, sendXml } from './answers.ts';
import { readContent, readDocument } from './body.ts';
import { S3Error } from './errors.ts';
import { checksumHeaders, copySource, readAttributes, tooLarge } from './objects.ts';
import type { Operand, Operation } from './operations.ts';
import { childText, element, parseXml, root } from './xml.ts';

const uploadOf = ({ request }: Operand): UploadKey => ({ key: request.key, uploadId: request.param('uploadId') ?? '' });

function partNumberOf({ request }: Operand): number {
  const number = Number(request.param('partNumber'));
  if (Number.isInteger(number) && number >= 1 && number <= R2_LIMITS.maxParts) return number;
  throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
}

export const createUpload: Operation = async ({ request, response, bucket, store }) => {
  const uploadId = await store.createUpload(bucket, request.key, readAttributes(request));
  const children = [element('Bucket', bucket.name), element('Key', request.key), element('UploadId', uploadId)];
  sendXml(response, 200, root('InitiateMultipartUploadResult', children));
};

export const uploadPart: Operation = async (operand) => {
  const { request, response, bucket, store, signed } = operand;
  const number = partNumberOf(operand);
  const { size, content, checksums, checked } = readContent(request, signed);
  if (size > R2_LIMITS.maxPartBytes) throw tooLarge();
  const part = await store.uploadPart(bucket, uploadOf(operand), { number, size, checksums }, content);
  sendNothing(response, 200, { etag: `"${part.etag}"`, ...checksumHeaders(checked) });
};

export const uploadPartCopy: Operation = async (operand) => {
  const { request, response, bucket, store } = operand;
  const rangeHeader = request.header('x-amz-copy-source-range');
  const found = await store.get(bucket, copySource(operand), { rangeHeader });
  if (found === null || found.body === null) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
  const size = found.object.range?.length ?? found.object.size;
  const part = { number: partNumberOf(operand), size, checksums: {} };
  const { etag } = await store.uploadPart(bucket, uploadOf(operand), part, found.body as Content);
  const children = [element('ETag', `"${etag}"`), element('LastModified', new Date().toISOString())];
  sendXml(response, 200, root('CopyPartResult', children));
};

export const completeUpload: Operation = async (operand) => {
  const { request, response, bucket, store, signed } = operand;
  const parts = readParts(await readDocument(request, signed));
  const object = await store.completeUpload(bucket, uploadOf(operand), parts).catch((error: unknown) => {
    // R2 says "internal error" of an upload that is not there; S3 has a word for it.
    throw (error as { kind?: unknown }).kind === 'internal'
      ? new S3Error('NoSuchUpload', 'The specified upload does not exist.')
      : error;
  });
  sendXml(
    response,
    200,
    root('CompleteMultipartUploadResult', [
      element('Location', `/${bucket.name}/${request.key}`),
      element('Bucket', bucket.name),
      element('Key', request.key),
      element('ETag', `"${object.etag}"`),
    ]),
  );
};

function readParts(document: string): UploadedPart[] {
  const parts = parseXml(document)
    .children.filter(({ name }) => name === 'Part')
    .map((part) => ({
      partNumber: Number(childText(part, 'PartNumber')),
      etag: (childText(part, 'ETag') ?? '').replace(/^"(.*)"$/, '$1'),
    }));
  if (parts.length === 0 || parts.length > R2_LIMITS.maxParts) {
    throw new S3Error(
      'MalformedXML',
      `Between 1 and ${R2_LIMITS.maxParts} parts make an object; there are ${parts.length}.`,
    );
  }
  if (parts.some(({ partNumber }, index) => !(partNumber > (parts[index - 1]?.partNumber ?? 0)))) {
    throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order.');
  }
  return parts;
}

export const abortUpload: Operation = async (operand) => {
  await operand.store.abortUpload(operand.bucket, uploadOf(operand)).catch((error: unknown) => {
    throw (error as { kind?: unknown }).kind === 'internal'
      ? new S3Error('NoSuchUpload', 'The specified upload does not exist.')
      : error;
  });
  sendNothing(operand.response, 204);
};

export const listParts: Operation = async (operand) => {
  const { request, response, bucket, store } = operand;
  const after = Number(request.param('part-number-marker') ?? 0) || 0;
  const limit = Math.min(Math.max(Number(request.param('max-parts') ?? 1000) || 1000, 1), 1000);
  const upload = uploadOf(operand);
  const parts = await store.listParts(bucket, upload, after, limit + 1);
  const page = parts.slice(0, limit);
  sendXml(
    response,
    200,
    root('ListPartsResult', [
      element('Bucket', bucket.name),
      element('Key', upload.key),
      element('UploadId', upload.uploadId),
      element('PartNumberMarker', after),
      ...(page.length === 0 ? [] : [element('NextPartNumberMarker', page.at(-1)?.partNumber ?? 0)]),
      element('MaxParts', limit),
      element('IsTruncated', parts.length > limit),
      ...page.map((part) =>
        element('Part', [
          element('PartNumber', part.partNumber),
          element('LastModified', part.uploaded.toISOString()),
          element('ETag', `"${part.etag}"`),
          element('Size', part.size),
        ]),
      ),
    ]),
  );
};

export const listUploads: Operation = async ({ request, response, bucket, store }) => {
  const prefix = request.param('prefix') ?? '';
  const uploads = await store.listUploads(bucket, prefix, 1000);
  sendXml(
    response,
    200,
    root('ListMultipartUploadsResult', [
      element('Bucket', bucket.name),
      element('Prefix', prefix),
      element('MaxUploads', 1000),
      element('IsTruncated', false),
      ...uploads.map(({ key, uploadId, initiated }) =>
        element('Upload', [
          element('Key', key),
          element('UploadId', uploadId),
          element('Initiated', initiated.toISOString()),
        ]),
      ),
    ]),
  );
};
