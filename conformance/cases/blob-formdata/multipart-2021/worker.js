// Each check is shown under its own source text; what it throws is shown as name and message.
const U = "https://a.example/";
const enc = new TextEncoder();
const M=async(body,ct='multipart/form-data; boundary=X')=>{try{const o=[];for(const [k,v] of await new Response(body,{headers:{'content-type':ct}}).formData())o.push([k,typeof v==='string'?v:{n:v.name,t:v.type,c:await v.text(),lm:v.lastModified===0?0:'now'}]);return o}catch(e){return e.name+': '+e.message}}
const D=async(v)=>typeof v==='string'?v:{n:v.name,t:v.type,c:await v.text(),f:v instanceof File}
const F=async(body,ct='application/x-www-form-urlencoded')=>{try{return [...await new Response(body,{headers:{'content-type':ct}}).formData()]}catch(e){return e.name+': '+e.message}}
const N=(n)=>F('--X\r\nContent-Disposition: form-data; '+n+'\r\n\r\n1\r\n--X--','multipart/form-data; boundary=X')
const checks = [
  async (request, env) => (async()=>{const f=new FormData();f.append('a','1\n2\r3\r\n4');f.append('n"\n\r\r\nx','v');f.append('f',new Blob(['b']),'n"\nm');f.append('g',new File(['é'],'g.txt',{type:'t/x'}));f.append('h',new Blob(['b'],{type:''}));const r=new Response(f);return (await r.text()).replaceAll(r.headers.get('content-type').split('boundary=')[1],'BB')})(),
  async (request, env) => (async()=>{const r=new Response(new FormData());return [(await r.text()).replaceAll(r.headers.get('content-type').split('boundary=')[1].replaceAll('"',''),'BB'),r.headers.get('content-type').length]})(),
  async (request, env) => (async()=>[...await new Response(new FormData()).formData()])(),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('preamble\r\n--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('\r\n--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--epilogue'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\ncontent-disposition:form-data;name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"; filename="f"\r\nContent-Type: text/x; charset=utf-8\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; filename="f"; name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a%22b\\"c"; filename="f\\"g%22.txt"\r\n\r\n1\r\n--X--'),
  async (request, env) => M("--X\r\nContent-Disposition: form-data; name=\"a\"; filename*=UTF-8''%c3%a9.txt\r\n\r\n1\r\n--X--"),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Type: text/html\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nX: y\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\n\r\n1\r\n--X--'),
  async (request, env) => M(''),
  async (request, env) => M('--X--'),
  async (request, env) => M('--X--\r\n'),
  async (request, env) => M('--X'),
  async (request, env) => M('nothing'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--Y--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--XY\r\n--X--'),
  async (request, env) => M('--X  \r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\nContent-Disposition: form-data; name="a"\n\n1\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\n2\r3\r\n4\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name=""\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a\r\n\r\n1\r\n--X--'),
  async (request, env) => M('--X\r\nContent-Disposition: form-data; name="a"; filename="x.bin"\r\nContent-Type: image/PNG\r\n\r\n\u0000\u0001\r\n--X--'),
  async (request, env) => M('--XY\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--XY--','multipart/form-data; boundary="XY"'),
  async (request, env) => M('--XY\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--XY--','Multipart/Form-Data;Boundary=XY'),
  async (request, env) => M('--XY\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--XY--','multipart/form-data; charset=utf-8; boundary=XY; x=y'),
  async (request, env) => M('x','multipart/form-data'),
  async (request, env) => M('x','multipart/form-data; boundary='),
  async (request, env) => M('x','multipart/mixed; boundary=X'),
  async (request, env) => M('x','text/plain'),
  async (request, env) => M('x','application/json'),
  async (request, env) => M('a=1&a=2&&=3&b=%20+%zz','application/x-www-form-urlencoded'),
  async (request, env) => M('a=1','Application/X-WWW-Form-Urlencoded; charset=UTF-8'),
  async (request, env) => M('a=1','application/x-www-form-urlencoded; charset=latin1'),
  async (request, env) => M('a=1','application/x-www-form-urlencoded; charset="utf-8"'),
  async (request, env) => (async()=>new Response('x').formData())(),
  async (request, env) => (async()=>new Response(new Uint8Array(1)).formData())(),
  async (request, env) => F('a=%4&b=%4g&c=%&d=%%41&e=%g1&f=%f0%9f%98%80&%41%=1&g=%c3'),
  async (request, env) => F('?a=1&b'),
  async (request, env) => F('a=1;b=2'),
  async (request, env) => N('name="a\\\\b"'),
  async (request, env) => N('name="a\\b"'),
  async (request, env) => N('name="a\\"'),
  async (request, env) => N("name='a'"),
  async (request, env) => N('name = "a"'),
  async (request, env) => N('NAME="a"'),
  async (request, env) => N('xname="a"'),
  async (request, env) => N('name="a"; name="b"'),
  async (request, env) => N('filename="name=q"; name="b"'),
  async (request, env) => N('x="; name=\\"q\\""; name="b"'),
  async (request, env) => N(' name="b" ; foo'),
  async (request, env) => N('name="a"x'),
];
const show = (v) => (v === undefined ? "undefined" : typeof v === "function" ? "function" : v);
export default {
  async fetch(request, env) {
    const out = {};
    for (const check of checks) {
      const name = String(check).slice("async (request, env) => ".length);
      try {
        out[name] = show(await check(request, env));
      } catch (e) {
        out[name] = { $error: e?.name, $message: e?.message };
      }
    }
    return Response.json(out);
  },
};
