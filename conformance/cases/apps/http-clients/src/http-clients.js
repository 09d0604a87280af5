import ky from 'ky';
import axios from 'axios';
import { AwsClient } from 'aws4fetch';
import { Octokit } from '@octokit/core';
const rec = async (f) => { try { return await f(); } catch (e) { return { $error: e.name, $message: e.message }; } };
export default { async fetch(request, env) {
  const f = (input, init) => env.API.fetch(input, init); const base = 'http://api.example';
  const k = ky.create({ fetch: f, prefixUrl: base, retry: { limit: 2, delay: () => 1 } });
  const ax = axios.create({ adapter: 'fetch', env: { fetch: f, Request, Response }, baseURL: base });
  const aws = new AwsClient({ accessKeyId: 'AK', secretAccessKey: 'SK', service: 's3', region: 'us-east-1' });
  const signed = await aws.sign('https://b.s3.amazonaws.com/k?x=1', { method: 'PUT', body: 'data', headers: { 'content-type': 'text/plain', 'x-amz-date': '20240101T000000Z' }, aws: { datetime: '20240101T000000Z' } });
  const okt = new Octokit({ request: { fetch: f }, baseUrl: base });
  return Response.json({
    ky: await rec(() => k.get('echo', { searchParams: { a: 1 } }).json()), kyPost: await rec(() => k.post('echo', { json: { x: 1 } }).json()), ky404: await rec(() => k.get('missing').text()), kyRetry: await rec(() => k.get('flaky').text()),
    axios: await rec(async () => { const r = await ax.get('/echo', { params: { q: 'x y' } }); return [r.status, r.data]; }), axiosPost: await rec(async () => (await ax.post('/echo', { y: [1] })).data), axios404: await rec(async () => (await ax.get('/missing')).data), form: await rec(async () => (await ax.postForm('/echo', { a: 'b' })).data.type.split(';')[0]),
    aws: [signed.url, signed.headers.get('authorization')], octokit: await rec(async () => (await okt.request('GET /echo', { q: 1 })).data), 
  });
} };
