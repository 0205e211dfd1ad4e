#include "experiments/report/graph_files.h"

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "framework/core/files.h"
#include "framework/core/json.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {
namespace {

constexpr const char* kAllCells = "taxonomies.json";

struct Node {
  std::string name;
  std::string label;
  std::string kind = "task";
  std::string family;
  bool labelled = false;
};

struct GraphEdge {
  std::size_t from = 0;
  std::size_t to = 0;
  /// affinity, gain, quality; NaN where missing
  std::array<double, 3> values = {};
};

constexpr std::array<const char*, 3> kValueNames = {"affinity", "gain", "quality"};

struct Graph {
  std::vector<Node> nodes;
  std::vector<GraphEdge> edges;
};

/// Valid UTF-8 without control characters, which XML cannot hold.
std::string clean(const std::string& text) {
  const nlohmann::json valid = nlohmann::json::parse(nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  std::string result = valid.get<std::string>();
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return result;
}

double value_or_nan(const nlohmann::json& choice, const char* key) {
  const auto it = choice.find(key);
  return it != choice.end() && it->is_number() ? it->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

Graph make_graph(const nlohmann::json& cell, const TaskLabels& labels) {
  Graph graph;
  std::map<std::string, std::size_t> tasks;
  const auto add = [&](Node node) {
    graph.nodes.push_back(std::move(node));
    return graph.nodes.size() - 1;
  };
  const auto task = [&](const std::string& name) {
    const auto it = tasks.find(name);
    if (it != tasks.end()) return it->second;
    const auto label = labels.find(name);
    Node node{clean(name), clean(name), "task", "", false};
    if (label != labels.end()) {
      if (!label->second.title.empty()) node.label = clean(label->second.title);
      node.family = clean(label->second.family);
    }
    return tasks[name] = add(std::move(node));
  };
  for (const nlohmann::json& source : cell.at("sources")) graph.nodes[task(source)].labelled = true;
  for (const nlohmann::json& choice : cell.at("choices")) {
    const std::string name = choice.at("target");
    const std::size_t target = task(name);
    GraphEdge edge;
    for (std::size_t i = 0; i < kValueNames.size(); ++i) edge.values[i] = value_or_nan(choice, kValueNames[i]);
    const auto connect = [&](std::size_t from, std::size_t to) {
      edge.from = from;
      edge.to = to;
      graph.edges.push_back(edge);
    };
    std::vector<std::string> sources = choice.at("sources");
    if (sources.size() == 1 && sources.front() == taxonomy::kSelf) sources.front() = name;
    if (sources.size() == 1) {
      connect(task(sources.front()), target);
      continue;
    }
    std::string joined;
    for (const std::string& source : sources) joined += (joined.empty() ? "" : "+") + clean(source);
    const std::size_t junction = add({joined + ">" + clean(name), "", "junction", "", false});
    for (const std::string& source : sources) connect(task(source), junction);
    connect(junction, target);
  }
  return graph;
}

std::string xml_escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '&': escaped += "&amp;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string dot_quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

/// yEd's own element, so that it opens the file laid out and labelled: labelled tasks left, the others right, junctions before them.
std::string yed_node(const Node& node, std::size_t row) {
  const bool junction = node.kind == "junction";
  const double width = junction ? 12 : 170;
  const double height = junction ? 12 : 30;
  const double x = junction ? 330 : node.labelled ? 0 : 420;
  const double y = static_cast<double>(row) * 46 + (30 - height) / 2;
  std::string text = fmt::format("<y:ShapeNode><y:Geometry height=\"{}\" width=\"{}\" x=\"{}\" y=\"{}\"/><y:Fill color=\"{}\" transparent=\"false\"/>", height, width, x, y,
                                 node.labelled ? "#CFE2F7" : junction ? "#404852" : "#FFFFFF");
  if (!junction) text += fmt::format("<y:NodeLabel>{}</y:NodeLabel>", xml_escaped(node.label));
  return text + fmt::format("<y:Shape type=\"{}\"/></y:ShapeNode>", junction ? "ellipse" : node.labelled ? "roundrectangle" : "rectangle");
}

std::string file_stem(const nlohmann::json& cell) {
  return fmt::format("taxonomy-b{:g}-o{}", cell.at("budget").get<double>(), cell.at("max_order").get<std::int64_t>());
}

}  // namespace

std::string taxonomy_graphml(const nlohmann::json& cell, const TaskLabels& labels) {
  const Graph graph = make_graph(cell, labels);
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xmlns:y=\"http://www.yworks.com/xml/graphml\" xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns "
      "http://www.yworks.com/xml/schema/graphml/1.1/ygraphml.xsd\">\n";
  for (const char* name : {"name", "label", "kind", "family"}) {
    text += fmt::format("  <key id=\"{0}\" for=\"node\" attr.name=\"{0}\" attr.type=\"string\"/>\n", name);
  }
  text += "  <key id=\"labelled\" for=\"node\" attr.name=\"labelled\" attr.type=\"boolean\"/>\n";
  for (const char* name : kValueNames) text += fmt::format("  <key id=\"{0}\" for=\"edge\" attr.name=\"{0}\" attr.type=\"double\"/>\n", name);
  text += "  <key id=\"nodegraphics\" for=\"node\" yfiles.type=\"nodegraphics\"/>\n  <key id=\"edgegraphics\" for=\"edge\" yfiles.type=\"edgegraphics\"/>\n";
  text += "  <graph id=\"taxonomy\" edgedefault=\"directed\">\n";
  std::map<std::string, std::size_t> rows;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto data = [](const char* key, const std::string& value) { return fmt::format("<data key=\"{}\">{}</data>", key, xml_escaped(value)); };
    const std::size_t row = rows[node.kind == "junction" ? "junction" : node.labelled ? "labelled" : "learnt"]++;
    text += fmt::format("    <node id=\"n{}\">{}{}{}{}<data key=\"labelled\">{}</data><data key=\"nodegraphics\">{}</data></node>\n", i, data("name", node.name),
                        data("label", node.label), data("kind", node.kind), data("family", node.family), node.labelled, yed_node(node, row));
  }
  for (std::size_t i = 0; i < graph.edges.size(); ++i) {
    const GraphEdge& edge = graph.edges[i];
    text += fmt::format("    <edge id=\"e{}\" source=\"n{}\" target=\"n{}\">", i, edge.from, edge.to);
    for (std::size_t k = 0; k < kValueNames.size(); ++k) {
      if (std::isfinite(edge.values[k])) text += fmt::format("<data key=\"{}\">{}</data>", kValueNames[k], edge.values[k]);
    }
    const bool half = graph.nodes[edge.to].kind == "junction";
    text += fmt::format("<data key=\"edgegraphics\"><y:PolyLineEdge><y:Arrows source=\"none\" target=\"{}\"/></y:PolyLineEdge></data></edge>\n", half ? "none" : "standard");
  }
  return text + "  </graph>\n</graphml>\n";
}

std::string taxonomy_dot(const nlohmann::json& cell, const TaskLabels& labels) {
  const Graph graph = make_graph(cell, labels);
  std::string text = "digraph taxonomy {\nrankdir=LR;\nnode [shape=box, fontname=\"sans-serif\"];\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind == "junction") {
      text += fmt::format("{}[shape=point, label=\"\", tooltip={}];\n", i, dot_quoted(node.name));
    } else {
      text += fmt::format("{}[label={}, tooltip={}{}];\n", i, dot_quoted(node.label), dot_quoted(node.name),
                          node.labelled ? ", style=\"filled,rounded\", fillcolor=lightblue" : "");
    }
  }
  for (const GraphEdge& edge : graph.edges) {
    std::string tooltip;
    for (std::size_t k = 0; k < kValueNames.size(); ++k) {
      if (std::isfinite(edge.values[k])) tooltip += fmt::format("{}{} {:.4g}", tooltip.empty() ? "" : ", ", kValueNames[k], edge.values[k]);
    }
    text += fmt::format("{}->{} [tooltip={}{}];\n", edge.from, edge.to, dot_quoted(tooltip),
                        graph.nodes[edge.to].kind == "junction" ? ", arrowhead=none" : "");
  }
  return text + "}\n";
}

void write_graph_files(const std::filesystem::path& folder, const nlohmann::json& cells, const TaskLabels& labels) {
  make_folder(folder);
  std::set<std::string> written;
  for (const nlohmann::json& cell : cells) {
    if (cell.at("choices").empty()) continue;
    const std::string stem = file_stem(cell);
    write_file_atomically(folder / (stem + ".graphml"), taxonomy_graphml(cell, labels));
    write_file_atomically(folder / (stem + ".dot"), taxonomy_dot(cell, labels));
    written.insert({stem + ".graphml", stem + ".dot"});
  }
  write_json(folder / kAllCells, {{"cells", cells}});
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    if (name.starts_with("taxonomy-b") && (extension == ".graphml" || extension == ".dot") && !written.contains(name)) old.push_back(entry.path());
  }
  for (const std::filesystem::path& path : old) std::filesystem::remove(path);
}

}  // namespace affinis::experiments
