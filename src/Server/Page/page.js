import { render } from "./markdown.js";
import { exported, fresh, imported, load, save, watch } from "./conversations.js";

const $ = id => document.getElementById(id);
const Numbers = ["temperature", "top_p", "top_k", "min_p", "repeat_penalty", "max_tokens", "seed"];
const Settings = [...Numbers, "reasoning_effort", "tools"];

let all = load(), current = all[0] ?? fresh(), running = null;

function node(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const say = text => { $("status").textContent = text; };

function complain(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

function headers() {
  const key = sessionStorage.getItem("meki.key");
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

// ---- what is shown

function showList() {
  $("list").replaceChildren(...all.map(each => {
    const open = node("button", { className: "open", textContent: each.title || "Untitled" });
    if (each === current) open.setAttribute("aria-current", "true");
    open.onclick = () => { choose(each); closeSide(); };
    const remove = node("button", { className: "remove", textContent: "✕" });
    remove.setAttribute("aria-label", `Delete ${each.title || "Untitled"}`);
    remove.onclick = () => {
      if (!confirm("Delete this conversation?")) return;
      all = all.filter(other => other !== each);
      save(all);
      if (each === current) choose(all[0] ?? fresh()); else showList();
    };
    return node("li", {}, [open, remove]);
  }));
}

function choose(conversation) {
  stop();
  current = conversation;
  $("system").value = current.system;
  for (const name of Settings) $(name).value = current.settings[name] ?? "";
  complain("");
  $("facts").textContent = "";
  showList();
  showMessages();
  // A keyboard on the screen would cover what is to be read.
  if (!matchMedia("(pointer: coarse)").matches) $("say").focus();
}

function showMessages() {
  $("title").textContent = current.title || "New conversation";
  $("empty").hidden = current.messages.length > 0;
  $("messages").replaceChildren(...current.messages.map(show));
  $("talk").scrollTop = $("talk").scrollHeight;
}

function action(label, run) {
  return node("button", { type: "button", textContent: label, onclick: run });
}

function show(message, index) {
  const item = node("li", { className: message.role === "assistant" ? "assistant" : "user" });
  item.append(node("span", { className: "unseen", textContent: { user: "You:", assistant: "Model:", tool: "Result of a tool:" }[message.role] }));
  if (message.role !== "assistant") {
    item.append(node("div", { className: "said", textContent: (message.role === "tool" ? "↳ " : "") + message.content }));
    item.append(node("div", { className: "tools-row" }, message.role === "user" ? [action("Edit", () => edit(item, index))] : []));
    return item;
  }
  fill(item, message);
  const row = node("div", { className: "tools-row" }, [
    action("Copy", async () => { await navigator.clipboard?.writeText(message.content); say("Copied."); }),
    action("Retry", () => retry(index)),
  ]);
  if (message.note) row.append(node("span", { className: "numbers", textContent: message.note }));
  item.append(row);
  if (index === current.messages.length - 1 && message.tool_calls.length && !running) item.append(...message.tool_calls.map(answerTo));
  return item;
}

function fill(item, message) {
  const wasAt = document.activeElement?.tagName === "SUMMARY" && item.contains(document.activeElement);
  item.querySelectorAll(":scope > .part").forEach(old => old.remove());
  const parts = [];
  if (message.reasoning_content) {
    const details = node("details", { className: "thought part" }, [
      node("summary", { textContent: message.content || message.tool_calls.length || !running ? "Thoughts" : "Thinking…" }),
      node("div", { className: "inner", textContent: message.reasoning_content }),
    ]);
    details.open = item.dataset.open === "1";
    details.ontoggle = () => { item.dataset.open = details.open ? "1" : ""; };
    parts.push(details);
  }
  if (message.content || !message.tool_calls.length) parts.push(node("div", { className: "said part" }, render(message.content)));
  for (const call of message.tool_calls) {
    parts.push(node("details", { className: "call part", open: true }, [
      node("summary", { textContent: `Calls ${call.function.name}` }),
      node("div", { className: "inner", textContent: pretty(call.function.arguments) }),
    ]));
  }
  item.querySelector(".unseen").after(...parts);
  // Who reads thoughts by keyboard stays there while they stream.
  if (wasAt) item.querySelector("summary")?.focus();
}

function pretty(json) {
  try { return JSON.stringify(JSON.parse(json), null, 2); } catch { return json; }
}

function answerTo(call) {
  const input = node("input", { placeholder: `What ${call.function.name} gives` });
  input.setAttribute("aria-label", input.placeholder);
  const form = node("form", { className: "answer-tool" }, [input, node("button", { textContent: "Answer" })]);
  form.onsubmit = event => {
    event.preventDefault();
    current.messages.push({ role: "tool", content: input.value, tool_call_id: call.id, tool_calls: [], reasoning_content: "", note: "" });
    const asked = current.messages.findLast(each => each.tool_calls.length).tool_calls;
    if (asked.every(each => current.messages.some(other => other.tool_call_id === each.id))) answer(); else form.remove();
  };
  return form;
}

function edit(item, index) {
  if (running) return;
  const box = node("textarea", { className: "edit", value: current.messages[index].content, rows: 3 });
  box.setAttribute("aria-label", "Edit the message");
  const done = () => {
    current.messages.length = index;
    ask(box.value);
  };
  box.onkeydown = event => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); done(); }
    if (event.key === "Escape") showMessages();
  };
  item.replaceChildren(box, node("div", { className: "tools-row" }, [action("Send", done), action("Cancel", showMessages)]));
  box.focus();
}

function retry(index) {
  if (running) return;
  current.messages.length = index;
  answer();
}

// ---- asking

function ask(text) {
  if (!text.trim() || running) return;
  current.messages.push({ role: "user", content: text, tool_calls: [], reasoning_content: "", note: "" });
  current.title ||= text.trim().split("\n")[0].slice(0, 60);
  answer();
}

function request() {
  const messages = current.messages.map(each => ({
    role: each.role, content: each.content,
    ...(each.reasoning_content ? { reasoning_content: each.reasoning_content } : {}),
    ...(each.tool_calls.length ? { tool_calls: each.tool_calls } : {}),
    ...(each.role === "tool" ? { tool_call_id: each.tool_call_id } : {}),
  }));
  if (current.system.trim()) messages.unshift({ role: "system", content: current.system });
  const body = { messages, stream: true, stream_options: { include_usage: true }, timings_per_token: true };
  for (const name of Numbers) {
    const value = current.settings[name];
    if (value !== undefined && value !== "") body[name] = Number(value);
  }
  if (current.settings.reasoning_effort) body.reasoning_effort = current.settings.reasoning_effort;
  if (current.settings.tools?.trim()) {
    try { body.tools = JSON.parse(current.settings.tools); } catch (problem) { throw new Error(`Tools: ${problem.message}`); }
  }
  return body;
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    let end;
    while ((end = held.indexOf("\n\n")) >= 0) {
      const data = held.slice(0, end).split("\n").filter(line => line.startsWith("data: ")).map(line => line.slice(6)).join("\n");
      held = held.slice(end + 2);
      if (data === "[DONE]") return;
      if (data) yield JSON.parse(data);
    }
  }
}

async function answer() {
  complain("");
  const conversation = current, message = { role: "assistant", content: "", reasoning_content: "", note: "", tool_calls: [] };
  let body;
  try { body = request(); } catch (problem) { complain(problem.message); showMessages(); return; }
  conversation.messages.push(message);
  conversation.changed = Date.now();
  if (!all.includes(conversation)) all.unshift(conversation);
  save(all);
  running = new AbortController();
  const mine = running, began = performance.now();
  let first = 0, timings = null, usage = null, reason = "", due = false;
  $("send").hidden = true;
  $("stop").hidden = false;
  showList();
  showMessages();
  const item = $("messages").lastElementChild;
  item.classList.add("busy");
  say("The model is answering.");

  const draw = () => {
    due = false;
    const talk = $("talk"), follows = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 90;
    fill(item, message);
    if (follows) talk.scrollTop = talk.scrollHeight;
    if (running === mine) $("facts").textContent = facts(first, timings);
  };
  try {
    const response = await fetch("v1/chat/completions", { method: "POST", headers: headers(), body: JSON.stringify(body), signal: mine.signal });
    if (!response.ok) throw new Error(await problemOf(response));
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      timings = event.timings ?? timings;
      usage = event.usage ?? usage;
      const choice = event.choices?.[0];
      if (!choice) continue;
      const { content, reasoning_content, tool_calls } = choice.delta ?? {};
      if (!first && (content || reasoning_content || tool_calls)) first = performance.now() - began;
      message.content += content ?? "";
      message.reasoning_content += reasoning_content ?? "";
      for (const call of tool_calls ?? []) message.tool_calls.push({ id: call.id, type: "function", function: call.function });
      reason = choice.finish_reason ?? reason;
      if (!due) { due = true; requestAnimationFrame(draw); }
    }
    message.note = facts(first, timings) + (reason === "length" ? " · cut at the limit" : "");
    say(message.content ? `The model says: ${message.content.slice(0, 2000)}` : "The model has answered.");
  } catch (problem) {
    message.note = mine.signal.aborted ? "stopped" : "";
    if (!mine.signal.aborted) complain(problem.message || "The server cannot be reached.");
    say(mine.signal.aborted ? "Stopped." : "");
    if (!message.content && !message.reasoning_content) conversation.messages.pop();
  }
  if (running === mine) {
    running = null;
    $("send").hidden = false;
    $("stop").hidden = true;
  }
  conversation.changed = Date.now();
  save(all);
  if (conversation === current) {
    showMessages();
    // They stand beside the answer now.
    $("facts").textContent = "";
  }
}

async function problemOf(response) {
  try { return (await response.json()).error.message; } catch { return `The server answers ${response.status}.`; }
}

function facts(first, timings) {
  const parts = [];
  if (timings?.predicted_n > 1) parts.push(`${timings.predicted_per_second.toFixed(1)} tokens/s`);
  if (first) parts.push(`first token ${first < 950 ? `${Math.round(first)} ms` : `${(first / 1000).toFixed(1)} s`}`);
  if (timings) {
    parts.push(`${timings.cache_n + timings.prompt_n} + ${timings.predicted_n} tokens`);
    if (timings.row_hits + timings.row_misses > 0) {
      const share = 100 * timings.row_hits / (timings.row_hits + timings.row_misses);
      parts.push(timings.rows_read ? `${timings.rows_read} rows, ${size(timings.row_bytes)} from storage, ${share.toFixed(0)} % in memory`
        : "all rows in memory");
    }
  }
  return parts.join(" · ");
}

const size = bytes => bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

function stop() {
  running?.abort();
}

// ---- what is pressed

function showSettings(shown) {
  $("settings").hidden = !shown;
  $("open-settings").setAttribute("aria-expanded", String(shown));
}

$("talk").onclick = closeSide;

function closeSide() { $("side").classList.remove("shown"); }

function grow() {
  $("say").style.height = "auto";
  $("say").style.height = `${$("say").scrollHeight}px`;
}

$("form").onsubmit = event => {
  event.preventDefault();
  if (running || !$("say").value.trim()) return;
  const text = $("say").value;
  $("say").value = "";
  grow();
  ask(text);
};
$("say").oninput = grow;
$("say").onkeydown = event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); $("form").requestSubmit(); }
};
$("stop").onclick = () => { stop(); $("say").focus(); };
$("new").onclick = () => { choose({ ...fresh(), system: current.system, settings: { ...current.settings } }); closeSide(); };
$("open-side").onclick = () => { $("side").classList.add("shown"); $("new").focus(); };
$("close-side").onclick = () => { closeSide(); $("open-side").focus(); };
$("open-settings").onclick = () => showSettings($("settings").hidden);
document.onkeydown = event => {
  if (event.key !== "Escape" || event.isComposing) return;
  if (running) stop();
  else if ($("side").classList.contains("shown")) { closeSide(); $("open-side").focus(); }
  else if (!$("settings").hidden) { showSettings(false); $("open-settings").focus(); }
};
$("system").oninput = () => { current.system = $("system").value; save(all); };
for (const name of Settings) $(name).oninput = () => { current.settings[name] = $(name).value; save(all); };
$("key").value = sessionStorage.getItem("meki.key") ?? "";
$("key").onchange = () => { sessionStorage.setItem("meki.key", $("key").value.trim()); greet(); };
$("export").onclick = () => {
  const url = URL.createObjectURL(new Blob([exported(all)], { type: "application/json" }));
  node("a", { href: url, download: "conversations.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};
$("import").onchange = async () => {
  const [file] = $("import").files;
  $("import").value = "";
  if (!file) return;
  try {
    const read = imported(await file.text());
    all = [...read, ...all.filter(each => !read.some(other => other.id === each.id))];
    save(all);
    choose(all[0]);
  } catch (problem) { complain(`The file cannot be imported: ${problem.message}`); }
};

async function greet() {
  try {
    const response = await fetch("v1/models", { headers: headers() });
    if (!response.ok) {
      if (response.status === 401) { showSettings(true); $("key").focus(); }
      throw new Error(await problemOf(response));
    }
    const models = (await response.json()).data;
    $("model").textContent = models[0]?.id ?? "";
    document.title = `${models[0]?.id ?? "MeKi"} · MeKi`;
    complain("");
  } catch (problem) { complain(problem.message || "The server cannot be reached."); }
}

// What another tab has saved is not to be lost when this one saves.
watch(saved => {
  all = saved.map(each => each.id === current.id ? current : each);
  if (current.messages.length && !all.includes(current)) all.unshift(current);
  showList();
});

choose(current);
greet();
