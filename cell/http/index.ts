/**
 * The HTTP classes of the Workers runtime, ours from end to end: user code finds them as globals, the harness uses the functions below.
 * They look nothing up on a prototype, so they work whatever user code has patched.
 *
 *   requests     makeIncomingRequest(…)  isRequest  requestMethod  requestUrl  requestList  requestRedirect  requestSignal  requestCf …
 *   responses    makeReceivedResponse(…)  isResponse  responseStatus  responseStatusText  responseList  responseWebSocket  responseEncodes
 *   header lists `[name, value, …]`, names in lower case: listGet  listHas  listSet  listAppend  listDelete  listCopy
 *   bodies       isBodyless  isUsed  streamBehind (makes the stream)  peekWhole (text or bytes, if it is there)  take (the body is used then)
 *   streams      streamOf(bytes)  readAll(stream)  isNative (filled by Deno); lengths are in `stream-facts.ts`
 */
import { compatFlag } from '../compat.ts';
import { defineGlobal } from '../globals.ts';
import { deleteProperty } from '../primordials.ts';
import { Blob, File, PublicBlob, PublicFile, setBlobGetters } from './blob.ts';
import { Body, PublicBody } from './body.ts';
import { PublicFormData } from './form-data.ts';
import { applyHeadersCompatibility, PublicHeaders } from './headers.ts';
import { PublicRequest, Request, setRequestGetters } from './request.ts';
export { setFetcherCheck } from './request-fields.ts';
import { PublicResponse, Response, setResponseGetters } from './response.ts';
import { removeClassStrings, takeGetters } from './shape.ts';

export {
  bodyArrayBuffer,
  bodyBlob,
  bodyBytes,
  type BodyInit,
  bodyJson,
  bodyText,
  bytesOf,
  isBodyless,
  isUsed,
  NO_BODY,
  ownBody,
  peekWhole,
  isBodyLocked,
  streamBehind,
  take,
  type Whole,
} from './body.ts';
export { blobBytes, blobTypeOf, isFile, makeBlob } from './blob.ts';
export {
  type HeaderList,
  Headers,
  headersAreImmutable,
  headersOver,
  listAppend,
  listCopy,
  listDelete,
  listFromWire,
  listGet,
  listHas,
  listOf,
  listSet,
  listToWire,
} from './headers.ts';
export {
  type IncomingRequest,
  isRequest,
  makeIncomingRequest,
  Request,
  requestCache,
  requestCf,
  requestEncodesResponse,
  requestFetcher,
  requestList,
  requestMethod,
  requestRedirect,
  requestSignal,
  requestUrl,
} from './request.ts';
export {
  isResponse,
  makeReceivedResponse,
  type ReceivedResponse,
  Response,
  responseEncodes,
  responseList,
  responseCf,
  responseStatus,
  responseStatusText,
  responseType,
  responseWebSocket,
  setWebSocketCheck,
} from './response.ts';
export {
  type ByteStream,
  isNative,
  readAll,
  streamOf,
} from './streams.ts';
export { decodeBody, takeEncoded } from './encoding.ts';
export { fromWire, headerName, headerValue, isAscii, toWire } from './text.ts';

/** Puts the classes in place of Deno's. */
export function installHttp(): void {
  defineGlobal('Headers', PublicHeaders);
  defineGlobal('Body', PublicBody);
  defineGlobal('Request', PublicRequest);
  defineGlobal('Response', PublicResponse);
  defineGlobal('FormData', PublicFormData);
  defineGlobal('Blob', PublicBlob);
  defineGlobal('File', PublicFile);
}

/** Called when the worker's flags are known, before any of its code runs. */
export function applyHttpCompatibility(): void {
  applyHeadersCompatibility();
  if (!compatFlag('cache_option_enabled')) deleteProperty(Request.prototype, 'cache');
  if (!compatFlag('set_tostring_tag')) removeClassStrings();
  if (!compatFlag('workers_api_getters_setters_on_prototype')) moveGettersToInstances();
}

/** Before `workers_api_getters_setters_on_prototype` the properties of an object were its own. */
function moveGettersToInstances(): void {
  const body = takeGetters(Body.prototype);
  const request = takeGetters(Request.prototype);
  const response = takeGetters(Response.prototype);
  setBlobGetters(takeGetters(Blob.prototype), takeGetters(File.prototype));
  setRequestGetters((instance) => {
    request(instance);
    body(instance);
  });
  setResponseGetters((instance) => {
    response(instance);
    body(instance);
  });
}
