/**
 * Cloudflare's `page`/`per_page`/`result_info`. A page behind the last one is empty: clients that ask until a page is empty
 * would otherwise never end.
 */
import type { ApiResult } from './router.ts';

const DEFAULT_PER_PAGE = 50;
const MAX_PER_PAGE = 1_000;

/** One page of a list that is in memory, by `page` and `per_page`, with Cloudflare's `result_info`. */
export function paginate(items: readonly unknown[], query: URLSearchParams): ApiResult {
  const { page, perPage } = readPage(query);
  const result = items.slice((page - 1) * perPage, page * perPage);
  const total = items.length;
  return {
    result,
    resultInfo: {
      page,
      per_page: perPage,
      count: result.length,
      total_count: total,
      total_pages: Math.ceil(total / perPage),
    },
  };
}

/** Values that make no sense count as absent, as on Cloudflare. */
function readPage(query: URLSearchParams): { readonly page: number; readonly perPage: number } {
  return {
    page: readCount(query.get('page'), 1, 1_000_000),
    perPage: readCount(query.get('per_page'), DEFAULT_PER_PAGE, MAX_PER_PAGE),
  };
}

/** A number from 1 to `maximum`. A value that makes no sense counts as absent. */
export function readCount(text: string | null, fallback: number, maximum: number): number {
  const value = text !== null && /^\d{1,9}$/.test(text) ? Number(text) : fallback;
  return value >= 1 ? Math.min(value, maximum) : fallback;
}
