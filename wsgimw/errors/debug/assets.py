"""The one style and the one script of the debug page. Without the script nothing is missing but the
copy buttons.

All pairs of colours have a contrast of 4.5 or more (WCAG 2, AA); nothing is made faint by opacity.
"""

STYLE = """\
:root{color-scheme:light dark;--ink:#1b2330;--soft:#566073;--line:#dbe1ea;--back:#f3f5f9;\
--card:#fff;--code:#f6f8fb;--mark:#b3261e;--wash:#fdeceb;--name:#1d4f91}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#a3adbc;--line:#303947;\
--back:#0f1319;--card:#181e26;--code:#11161d;--mark:#ff8f86;--wash:#3b2022;--name:#8fbcff}}
*{box-sizing:border-box}
body{margin:0;padding:clamp(.5rem,2vw,1.5rem);background:var(--back);color:var(--ink);\
font:1rem/1.5 system-ui,sans-serif;-webkit-text-size-adjust:100%;text-size-adjust:100%}
main{max-width:64rem;margin:0 auto}
section{position:relative;margin:0 0 1rem;padding:clamp(.75rem,2vw,1.25rem);\
background:var(--card);border:1px solid var(--line);border-radius:.6rem}
h1,h2,h3,p,li,summary{overflow-wrap:anywhere}
h1{margin:.2rem 0 0;font-size:clamp(1.15rem,3.5vw,1.5rem);line-height:1.3;font-weight:650}
h1 .type{display:block;margin:0 0 .25rem;color:var(--mark);\
font:600 .9rem/1.4 ui-monospace,monospace}
h2{margin:0 0 .6rem;font-size:1.05rem;line-height:1.3}
h3{margin:1.25rem 0 .5rem;font-size:.95rem}
h2+h3{margin-top:0}
p{margin:.4rem 0}
ol,ul{margin:0;padding-left:1.5rem}
code,pre,th,td,.chips,.where,#layers li,#chain strong{font-family:ui-monospace,monospace}
pre{margin:.5rem 0;padding:.6rem 0;overflow-x:auto;background:var(--code);\
border:1px solid var(--line);border-radius:.4rem;font-size:.8125rem;line-height:1.55;tab-size:4}
code{font-size:.8125rem}
#error pre{max-height:16rem;overflow-y:auto}
pre.text{padding:.6rem .75rem;white-space:pre-wrap;overflow-wrap:anywhere}
pre.block{padding:.6rem .75rem}
pre.code{display:grid;grid-template-columns:minmax(max-content,1fr)}
pre.code span,pre.code mark{display:block;padding:0 .75rem 0 0;border-left:.25rem solid transparent}
pre.code i{display:inline-block;padding:0 .9rem 0 .5rem;color:var(--soft);font-style:normal;\
user-select:none}
pre.code mark{background:var(--wash);color:inherit;border-color:var(--mark)}
pre.code b{color:var(--mark)}
table{width:100%;border-collapse:collapse;table-layout:fixed;font-size:.8125rem}
th,td{padding:.3rem .5rem .3rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere;\
border-top:1px solid var(--line);font-weight:400}
tr:first-child>*{border-top:0}
th{width:12rem;color:var(--soft)}
@media(max-width:40rem){th{width:34%}}
td{white-space:pre-wrap}
summary{cursor:pointer;padding:.25rem 0}
.library>summary{font-size:.875rem;color:var(--soft)}
.library li{margin:.4rem 0}
details details{margin:0 0 .75rem 1rem}
details details summary{color:var(--soft);font-size:.875rem}
.where{font-size:.8125rem;color:var(--soft)}
summary.where{word-break:break-all}
.where b{color:var(--name);font-weight:600}
.chips{display:flex;flex-wrap:wrap;gap:.4rem;margin:.9rem 0 0;padding:0;list-style:none;\
font-size:.8125rem}
.chips li{padding:.15rem .6rem;background:var(--code);border:1px solid var(--line);\
border-radius:1rem}
#error{border-top:.3rem solid var(--mark)}
#layers ol{padding:0;list-style:none;font-size:.875rem}
#layers li{padding:.25rem .75rem;border:solid var(--line);border-width:0 0 0 .25rem}
#layers .failed{background:var(--wash);border-color:var(--mark);color:var(--mark);font-weight:600}
#layers .failed:after{content:"\\2190\\a0 it broke here";padding-left:.75rem;white-space:nowrap}
#chain ol,#chain ul{padding:0;list-style:none}
#chain ol>li{margin:0 0 .6rem;padding:.1rem 0 .1rem .75rem;border-left:.25rem solid var(--line)}
#chain>ol>li:first-child{border-color:var(--mark)}
#chain strong{font-size:.9rem;color:var(--mark)}
#chain .said{white-space:pre-wrap}
#chain em,#chain .note{display:block;margin:.3rem 0;color:var(--soft)}
#chain .faint strong{color:inherit}
.faint{color:var(--soft)}
.cut{color:var(--mark);font-size:.875rem}
button{position:absolute;top:clamp(.6rem,1.8vw,1.1rem);right:clamp(.75rem,2vw,1.25rem);\
min-width:4.5rem;padding:.2rem .75rem;font:inherit;font-size:.875rem;color:var(--ink);\
background:var(--code);border:1px solid var(--soft);border-radius:.4rem;cursor:pointer}
button:hover{border-color:var(--ink)}
"""

SCRIPT = """\
document.querySelectorAll("button[data-copy]").forEach(function(button){
button.hidden=false;
button.addEventListener("click",function(){
var text=document.getElementById(button.dataset.copy).textContent;
function done(){button.textContent="copied"}
function old(){var area=document.createElement("textarea");area.value=text;
document.body.appendChild(area);area.select();
var copied=document.execCommand("copy");area.remove();
button.textContent=copied?"copied":"not copied"}
if(navigator.clipboard){navigator.clipboard.writeText(text).then(done,old)}else{old()}
})});
"""
