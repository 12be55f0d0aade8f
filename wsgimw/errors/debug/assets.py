"""The one style and the one script of the debug page. Without the script nothing is missing but the
copy buttons.
"""

STYLE = """\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#566070;--line:#d8dee8;--back:#f4f6f9;\
--card:#fff;--mark:#b3261e;--wash:#fdecea;--code:#f0f3f8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9ca6b5;--line:#303846;\
--back:#11151b;--card:#191f27;--mark:#ff8a80;--wash:#3a1f1e;--code:#12171e}}
*{box-sizing:border-box}
body{margin:0;padding:1rem;background:var(--back);color:var(--ink);\
font:.95rem/1.55 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;min-width:0}
section{margin:0 0 1rem;padding:1rem;background:var(--card);border:1px solid var(--line);\
border-radius:.6rem;min-width:0}
#error{border-top:.25rem solid var(--mark)}
h1{margin:0;font-size:1.3rem;color:var(--mark);overflow-wrap:anywhere}
h2{margin:0 0 .5rem;font-size:1rem}
h3{margin:.75rem 0 .25rem;font-size:.9rem;overflow-wrap:anywhere}
p,li,dd,summary{overflow-wrap:anywhere}
ol,ul{margin:0;padding-left:1.4rem}
pre{margin:.25rem 0;padding:.6rem;overflow-x:auto;background:var(--code);border-radius:.4rem;\
font:.82rem/1.5 ui-monospace,monospace;white-space:pre}
#error pre,#chain pre{white-space:pre-wrap;overflow-wrap:anywhere}
mark{background:var(--wash);color:inherit;font-weight:600}
table{width:100%;border-collapse:collapse;table-layout:fixed;font-size:.85rem}
th,td{padding:.2rem .4rem;text-align:left;vertical-align:top;overflow-wrap:anywhere;\
border-top:1px solid var(--line);font-family:ui-monospace,monospace;font-weight:400}
th{width:30%;color:var(--soft)}
summary{cursor:pointer}
.chips{display:flex;flex-wrap:wrap;gap:.4rem;margin:.6rem 0 0;padding:0;list-style:none}
.chips li{padding:.1rem .6rem;background:var(--code);border-radius:1rem;font-size:.82rem;\
font-family:ui-monospace,monospace}
.failed{color:var(--mark);font-weight:600}
.faint,.library{opacity:.7}
.cut{color:var(--mark)}
button{float:right;font:inherit;font-size:.8rem;padding:.1rem .7rem}
"""

SCRIPT = """\
document.querySelectorAll("button[data-copy]").forEach(function(button){
button.hidden=false;
button.addEventListener("click",function(){
var text=document.getElementById(button.dataset.copy).textContent;
function done(){button.textContent="copied"}
function old(){var area=document.createElement("textarea");area.value=text;
document.body.appendChild(area);area.select();document.execCommand("copy");area.remove();done()}
if(navigator.clipboard){navigator.clipboard.writeText(text).then(done,old)}else{old()}
})});
"""
