/// How a page of a report looks: on a desk, on a telephone, at night and on paper.
enum PageStyle {
  static let text = """
    :root{color-scheme:light dark;--ink:#1a1f24;--paper:#fff;--faint:#5f6973;--rule:#d9dee3;\
    --bad:#b3261e;--good:#1b6e3c;\
    --c0:#1f6feb;--c1:#c2410c;--c2:#15803d;--c3:#7c3aed;--c4:#a16207}
    @media screen and (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#14181c;\
    --faint:#98a2ac;--rule:#333b43;--bad:#ff8a80;--good:#7fd6a0;--c0:#6cb0ff;--c1:#ff9d5c;\
    --c2:#6fd08c;--c3:#c4a1ff;--c4:#e5c158}}
    *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);\
    font:15px/1.5 system-ui,sans-serif}main{max-width:74rem;margin:auto;padding:1rem}
    h1{margin:.2em 0;font-size:1.6rem}h2{font-size:1.1rem;margin:1.6em 0 .4em}
    .small{color:var(--faint);font-size:.85rem;overflow-wrap:anywhere}
    .bad{color:var(--bad)}.good{color:var(--good)}
    .verdict{border-left:4px solid;padding:.1rem 0 .1rem .8rem;margin:.8rem 0}\
    .verdict p{margin:.2rem 0;overflow-wrap:anywhere}
    dl{display:flex;flex-wrap:wrap;margin:.8rem 0}dt{color:var(--faint);font-size:.85rem}\
    dd{margin:0;overflow-wrap:anywhere}
    .figures{gap:.6rem 2.5rem}.figures dd{font-size:1.6rem;line-height:1.2}\
    .void dd{color:var(--faint);text-decoration:line-through}
    .facts{gap:.3rem 2.5rem;font-size:.9rem}
    ul{margin:.4rem 0;padding-left:1.2rem}li{margin:.2rem 0}
    section>svg{width:100%;height:auto;display:block}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));\
    gap:0 2rem}.charts>section{min-width:0}
    svg text{fill:var(--faint);font-size:13px}svg .x{text-anchor:middle}
    svg .x{dominant-baseline:hanging}
    svg .y{text-anchor:end;dominant-baseline:middle}svg .r{dominant-baseline:middle}
    svg .word{text-anchor:start;font-size:12px;\
    paint-order:stroke;stroke:var(--paper);stroke-width:4px}svg .end{text-anchor:end}
    svg .grid{stroke:var(--rule)}svg .mark{stroke:var(--faint);stroke-dasharray:1 3}
    polyline,.key line{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
    circle,polygon{fill:var(--paper);stroke-width:2}
    .c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}\
    .c4{stroke:var(--c4)}
    .key{width:36px;height:10px}.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.2rem 0;\
    font-size:.85rem;color:var(--faint)}
    .scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
    th,td{text-align:left;padding:.25rem 1.2rem .25rem 0;border-bottom:1px solid var(--rule);\
    vertical-align:top;white-space:nowrap}th{color:var(--faint);font-weight:500}
    th:last-child,td:last-child{padding-right:0}
    .figure{text-align:right;font-variant-numeric:tabular-nums}
    .prose{white-space:normal;min-width:14rem}
    details{margin:.4rem 0}summary{cursor:pointer}
    @media(max-width:32rem){main{padding:.7rem}svg text{font-size:16px}svg .word{font-size:14px}\
    table{font-size:.8rem}th,td{padding-right:.6rem}\
    th:first-child,td:first-child{position:sticky;left:0;max-width:50vw;overflow:hidden;\
    text-overflow:ellipsis;background:var(--paper)}dl{gap:.4rem 1.5rem}\
    .stacked thead{display:none}.stacked tr{display:flex;flex-wrap:wrap;padding:.3rem 0;\
    border-bottom:1px solid var(--rule)}.stacked td{border:0;padding-block:0;white-space:normal}\
    .stacked td:first-child{min-width:7rem}.stacked .prose{flex:1 0 100%;color:var(--faint)}}
    @media print{details::details-content{content-visibility:visible;block-size:auto}\
    .scroll{overflow:visible}section>svg,tr{break-inside:avoid}h2{break-after:avoid}\
    main{max-width:none;padding:0}.charts{grid-template-columns:1fr 1fr}svg text{font-size:16px}\
    table{font-size:8pt}td,th{padding-right:.5rem}\
    .prose{min-width:0}}
    """
}
