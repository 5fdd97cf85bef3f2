// Conversations stay in this browser. Nothing that is stored is trusted: it is read as what it should be, or not at all.

const Key = "meki.conversations", Most = 200;

const text = value => typeof value === "string" ? value : "";

function message(value) {
  if (!value || !["user", "assistant", "tool"].includes(value.role)) return null;
  const calls = Array.isArray(value.tool_calls) ? value.tool_calls.filter(call => call?.function && typeof call.function.name === "string") : [];
  return {
    role: value.role, content: text(value.content), reasoning_content: text(value.reasoning_content), note: text(value.note),
    tool_call_id: text(value.tool_call_id),
    tool_calls: calls.map(call => ({ id: text(call.id), type: "function", function: { name: call.function.name, arguments: text(call.function.arguments) } })),
  };
}

function conversation(value) {
  if (!value || !Array.isArray(value.messages)) return null;
  return {
    id: text(value.id) || crypto.randomUUID?.() || String(Math.random()), title: text(value.title).slice(0, 200), system: text(value.system),
    settings: value.settings && typeof value.settings === "object" ? Object.fromEntries(Object.entries(value.settings).map(([k, v]) => [k, text(v)])) : {},
    changed: Number(value.changed) || 0, messages: value.messages.map(message).filter(Boolean),
  };
}

export function fresh() {
  return conversation({ messages: [] });
}

export function load() {
  try {
    const all = JSON.parse(localStorage.getItem(Key) ?? "[]");
    return Array.isArray(all) ? all.map(conversation).filter(Boolean) : [];
  } catch { return []; }
}

/** Tells when another tab has saved. */
export function watch(changed) {
  addEventListener("storage", event => { if (event.key === Key || event.key === null) changed(load()); });
}

export function save(all) {
  const kept = all.filter(each => each.messages.length).sort((a, b) => b.changed - a.changed).slice(0, Most);
  while (kept.length) {
    // Where there is no more room, the oldest go.
    try { localStorage.setItem(Key, JSON.stringify(kept)); return; } catch { kept.pop(); }
  }
  try { localStorage.removeItem(Key); } catch { /* A browser that stores nothing. */ }
}

export function exported(all) {
  return JSON.stringify({ format: "meki-conversations", version: 1, conversations: all.filter(each => each.messages.length) }, null, 2);
}

export function imported(json) {
  const value = JSON.parse(json), list = Array.isArray(value) ? value : value?.conversations ?? [value];
  const read = list.map(conversation).filter(each => each?.messages.length);
  if (!read.length) throw new Error("There are no conversations in this file.");
  return read;
}
