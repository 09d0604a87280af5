/** Calls of a Skep's control API, and deploys as wrangler makes them: for benchmarks, the conformance runner and tests. */

export interface ControlApi {
  /** `http://127.0.0.1:8788/client/v4` */
  readonly apiUrl: string;
  readonly accountId: string;
  readonly token: string;
}

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

export interface UploadedModule {
  readonly name: string;
  readonly content: string | Uint8Array<ArrayBuffer>;
  /** The media type that says what kind of module it is. */
  readonly mediaType: string;
}

/** One call, of a path below the account; what is no form goes as JSON. Rejects when there is no answer, not when it is a refusal. */
export async function callApi(
  { apiUrl, accountId, token }: ControlApi,
  method: string,
  path: string,
  body: FormData | object,
): Promise<ApiAnswer> {
  const response = await fetch(`${apiUrl}/accounts/${accountId}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(!(body instanceof FormData) && { 'content-type': 'application/json' }),
    },
    body: body instanceof FormData ? body : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

/** The body of an upload. */
export function uploadForm(metadata: object, modules: readonly UploadedModule[]): FormData {
  const form = new FormData();
  form.append('metadata', new Blob([JSON.stringify(metadata)], { type: 'application/json' }), 'metadata.json');
  for (const { name, content, mediaType } of modules) form.append(name, new Blob([content], { type: mediaType }), name);
  return form;
}

/**
 * Uploads a worker and switches its workers.dev address on.
 * @param call of the control API, with a path below the account
 * @returns the answer to the upload, or to whichever of the two calls was refused
 */
export async function deployWorker<Upload, Answer extends { readonly status: number }>(
  call: (method: string, path: string, body: Upload | { readonly enabled: boolean }) => Promise<Answer>,
  name: string,
  upload: Upload,
): Promise<Answer> {
  const script = `/workers/scripts/${name}`;
  const uploaded = await call('PUT', script, upload);
  if (uploaded.status !== 200) return uploaded;
  const enabled = await call('POST', `${script}/subdomain`, { enabled: true });
  return enabled.status === 200 ? uploaded : enabled;
}
