// A client of /_cloche: the same answers as `cloche status`, `cloche why` and the ledger.
const api = (path, value) => fetch("/_cloche/" + path, value && { method: "POST", body: JSON.stringify(value) }).then(r => r.json());
const $ = s => document.querySelector(s);
const cell = (text, kind) => Object.assign(document.createElement("td"), { textContent: text, className: kind || "", title: text });
const row = (...cells) => { const r = document.createElement("tr"); r.append(...cells); return r; };
let chosen = location.hash.slice(1) || null; // a request may be named in the address: .../console/#REQUEST-ID

async function clock() {
  const now = await api("clock");
  $("time").textContent = now.now.replace("T", " ").slice(0, 19);
  const ahead = Math.round(now.offset_seconds);
  $("#ahead").textContent = (ahead ? `${ahead} s ahead of the wall` : "with the wall") + (now.frozen ? ", standing still" : "");
}

async function timeline() {
  const { requests } = await api("requests?limit=60");
  $("#timeline tbody").replaceChildren(...requests.map(r => {
    const who = r.principal_kind === "root" ? "root" : r.principal.split(":").pop();
    const line = row(cell(new Date(r.time * 1000).toISOString().slice(11, 19)), cell(`${r.service}:${r.operation}`), cell(who), cell(r.account), cell(r.status + (r.error ? " " + r.error.code : ""), r.status < 400 ? "good" : "bad"));
    line.onclick = () => { chosen = r.request_id; why(r); timeline(); };
    if (r.request_id === chosen) line.className = "chosen";
    return line;
  }));
}

function why(r) {
  const parts = [`${r.service}:${r.operation} in ${r.account} ${r.region}`, `by ${r.principal}`, `request ${r.request_id}`, ""];
  if (r.error) parts.push(`${r.status} ${r.error.code}`, r.error.message, "");
  parts.push(r.why ? r.why.text || JSON.stringify(r.why, null, 2) : "No permission was asked for.");
  $("#why div").textContent = parts.join("\n");
}

async function ledger() {
  const all = await api("ledger");
  $("#ledger tbody").replaceChildren(...Object.entries(all).map(([name, ops]) => {
    const states = Object.values(ops).map(o => o.status), n = s => states.filter(x => x === s).length;
    return row(cell(name), cell(n("behaves")), cell(n("partly")), cell(states.length));
  }));
}

document.querySelectorAll("button[data-seconds]").forEach(b => b.onclick = async () => { await api("clock", { advance_seconds: +b.dataset.seconds }); clock(); timeline(); });
clock(); timeline(); ledger();
if (chosen) api("why/" + chosen).then(r => r.error && !r.service || why(r));
setInterval(() => { clock(); timeline(); }, 2000);
