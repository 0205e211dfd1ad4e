// ---- Puts the sections together, in the order in which they are read.

const served_budgets = budgets.filter((budget) => is_served(cell_of(budget, state.order)));
state.budget = served_budgets.length ? served_budgets[Math.floor((served_budgets.length - 1) / 3)] : budgets.length ? budgets[0] : null;
check_live();
head();
taxonomy();
affinity_matrix();
budgets_section();
task_tree();
data_size_section();
networks();
finetune_section();
multi_task();
one_task();
pictures_section();
transfer_table();
chains_section();
forecast_section();
costs();
not_tried();
failures();
data_section();
terms();
settings_section();
cite();
changed();

document.getElementById("nav").append(...sections.map(([id, name]) => make("a", { href: "#" + id }, name)));
document.getElementById("foot").textContent = "Written by Affinis " + (data.version || "") + ". This file is complete in itself and asks nothing of the network. Beside it: " +
  (rows.length ? "the numbers as transfers.csv" : "the numbers as summary.json") + (given_cells.length ? ", every taxonomy in graphs/ as GraphML, DOT and JSON" : "") + ".";

let page_width = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth === page_width) return;
  page_width = window.innerWidth;
  requestAnimationFrame(changed);
});
