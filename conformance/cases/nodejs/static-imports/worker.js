// Text that looks like an import must stay as it is: import x from 'node:comment'
import{isBoolean}from"node:util";import util from 'util';
import /* between */ { posix } from /* and */ 'node:path';
const regexp = /['"`]import 'node:regexp'/;
const template = `import fs from "node:fs" ${`${"import 'node:nested'"} } `} from 'node:tail'`;
const string = "import 'node:string'";
const half = 4 / 2; const quoted = 'from "node:quoted"';
import { Buffer as Bytes } from 'node:buffer';
export default {
  async fetch() {
    const dynamic = await import('node:util');
    return Response.json({
      same: [isBoolean === util.isBoolean, isBoolean === dynamic.isBoolean, Bytes === Buffer],
      own: [typeof isBoolean, typeof posix.join],
      text: [String(regexp), template, string, quoted, half],
    });
  },
};
