"use strict";
(() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const said = document.getElementById("said");

  // Only what works with scripts is shown with them.
  for (const part of all("[data-script]")) part.hidden = false;

  // --- copying ---
  const copy = async (text, node) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(node);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      return document.execCommand("copy");
    }
  };
  for (const button of all("button[data-copy]")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      const done = await copy(code.textContent, code);
      said.textContent = done ? "Copied" : "Selected: copy it with the keyboard";
      button.textContent = done ? "Copied" : "Selected";
      window.setTimeout(() => {
        button.textContent = "Copy";
        said.textContent = "";
      }, 2000);
    });
  }

  // --- filtering ---
  const form = document.getElementById("filter");
  const rows = all("#results tbody tr").map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const told = document.getElementById("shown");
  const filter = () => {
    const words = document.getElementById("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(all("#filter input[type=checkbox]:checked").map((box) => box.value));
    let shown = 0;
    for (const { row, text } of rows) {
      const fits = wanted.has(row.dataset.status) && words.every((word) => text.includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    told.textContent = `${shown} of ${rows.length} results shown`;
  };
  if (form) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", filter);
    filter();
  }

  // --- printing ---
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = all("details.remedy:not([open]), details.run:not([open])");
    for (const details of closed) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });

  // --- the report as data ---
  const save = document.getElementById("save");
  if (save) {
    save.addEventListener("click", () => {
      const text = JSON.stringify(JSON.parse(document.getElementById("report").textContent), null, 2);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text + "\n"], { type: "application/json" }));
      link.download = "netcheck-report.json";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
})();
