// A subset of Markdown as DOM nodes. Text only ever becomes text nodes: no markup of the model's own is read.

const inline = new RegExp([
  /(`+)([\s\S]*?[^`])\1(?!`)/,
  /\*\*(?=\S)([\s\S]*?\S)\*\*/, /__(?=\S)([\s\S]*?\S)__/, /\*(?=[^\s*])([\s\S]*?[^\s*])\*(?!\*)/, /~~(?=\S)([\s\S]*?\S)~~/,
  /\[([^\[\]\n]{1,300})\]\(\s*([^\s()<>]{1,1000})\s*\)/, /\\([\\`*_~\[\](){}#+\-.!|>])/,
].map(each => each.source).join("|"));

function element(name, children = []) {
  const node = document.createElement(name);
  node.append(...children);
  return node;
}

// Only what leads to another page; anything else stays text.
function link(label, target) {
  let url;
  try { url = new URL(target); } catch { return null; }
  if (!["http:", "https:", "mailto:"].includes(url.protocol)) return null;
  const node = element("a", spans(label, 1));
  node.href = url.href;
  node.rel = "noopener noreferrer nofollow";
  node.target = "_blank";
  return node;
}

function spans(text, depth = 0) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const found = depth < 6 ? inline.exec(rest) : null;
    if (!found) { nodes.push(rest); break; }
    if (found.index > 0) nodes.push(rest.slice(0, found.index));
    const [whole, , code, strong, strong2, em, del, label, target, escaped] = found;
    if (code !== undefined) nodes.push(element("code", [code.trim() || code]));
    else if (strong ?? strong2) nodes.push(element("strong", spans(strong ?? strong2, depth + 1)));
    else if (em) nodes.push(element("em", spans(em, depth + 1)));
    else if (del) nodes.push(element("del", spans(del, depth + 1)));
    else if (label) nodes.push(link(label, target) ?? whole);
    else nodes.push(escaped ?? whole);
    rest = rest.slice(found.index + whole.length);
  }
  return nodes;
}

function lines(text) {
  return text.split("\n").flatMap((line, i) => i ? [document.createElement("br"), ...spans(line)] : spans(line));
}

const cells = row => row.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map(cell => cell.trim());
const item = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;

/** The nodes of a text. */
export function render(text, depth = 0) {
  const nodes = [], rows = text.replace(/\r\n?/g, "\n").split("\n");
  let i = 0;
  while (i < rows.length) {
    const row = rows[i];
    const fence = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/.exec(row);
    if (fence) {
      const body = [];
      for (i++; i < rows.length && !rows[i].trim().startsWith(fence[1]); i++) body.push(rows[i]);
      i++;
      const code = element("code", [body.join("\n")]);
      if (fence[2]) code.dataset.language = fence[2];
      nodes.push(element("pre", [code]));
    } else if (!row.trim()) {
      i++;
    } else if (/^ {0,3}#{1,6}\s/.test(row)) {
      const level = /#+/.exec(row)[0].length;
      nodes.push(element(`h${Math.min(level + 1, 4)}`, spans(row.replace(/^\s*#+\s+|\s+#+\s*$/g, ""))));
      i++;
    } else if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(row)) {
      nodes.push(element("hr"));
      i++;
    } else if (/^ {0,3}>/.test(row) && depth < 4) {
      const body = [];
      for (; i < rows.length && /^ {0,3}>/.test(rows[i]); i++) body.push(rows[i].replace(/^ {0,3}> ?/, ""));
      nodes.push(element("blockquote", render(body.join("\n"), depth + 1)));
    } else if (row.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(rows[i + 1] ?? "")) {
      const head = element("tr", cells(row).map(cell => element("th", spans(cell))));
      const body = [];
      for (i += 2; i < rows.length && rows[i].includes("|"); i++) body.push(element("tr", cells(rows[i]).map(cell => element("td", spans(cell)))));
      nodes.push(element("table", [element("thead", [head]), element("tbody", body)]));
    } else if (item.test(row) && depth < 6) {
      const [, indent, mark] = item.exec(row), list = element(/\d/.test(mark) ? "ol" : "ul");
      if (/\d/.test(mark)) list.start = parseInt(mark, 10);
      while (i < rows.length) {
        const next = item.exec(rows[i]);
        if (!next || next[1].length > indent.length + 1 || next[1].length < indent.length || /\d/.test(next[2]) !== /\d/.test(mark)) break;
        const body = [next[3]];
        for (i++; i < rows.length; i++) {
          const inner = item.exec(rows[i]);
          if (inner ? inner[1].length <= indent.length + 1 : !/^\s{2,}\S/.test(rows[i])) break;
          body.push(rows[i].replace(new RegExp(`^\\s{0,${indent.length + mark.length + 1}}`), ""));
        }
        const first = body.findIndex((line, n) => n > 0 && item.test(line));
        const own = first < 0 ? body : body.slice(0, first);
        list.append(element("li", [...lines(own.join("\n")), ...(first < 0 ? [] : render(body.slice(first).join("\n"), depth + 1))]));
        while (i < rows.length - 1 && !rows[i].trim() && item.test(rows[i + 1])) i++;
      }
      nodes.push(list);
    } else {
      const body = [row];
      for (i++; i < rows.length && rows[i].trim() && !/^ {0,3}(```|~~~|#{1,6}\s|>)/.test(rows[i]) && !item.test(rows[i]); i++) body.push(rows[i]);
      nodes.push(element("p", lines(body.join("\n"))));
    }
  }
  return nodes;
}
