#include "experiments/report/graph_files.h"

#include <limits>
#include <set>
#include <sstream>
#include <vector>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/graphml.hpp>
#include <boost/graph/graphviz.hpp>
#include <fmt/format.h>

#include "framework/core/files.h"
#include "taxonomy/transfer_table.h"

namespace affinis::experiments {
namespace {

struct Node {
  std::string name;
  std::string label;
  std::string kind = "task";
  std::string family;
  bool labelled = false;
};

struct Edge {
  double affinity = std::numeric_limits<double>::quiet_NaN();
  double gain = std::numeric_limits<double>::quiet_NaN();
  double quality = std::numeric_limits<double>::quiet_NaN();
};

// Bidirectional, so that edges have one list of their own: GCC takes the iterator over directed edges for uninitialised.
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, Node, Edge>;

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
  std::map<std::string, Graph::vertex_descriptor> tasks;
  const auto task = [&](const std::string& name) {
    const auto it = tasks.find(name);
    if (it != tasks.end()) return it->second;
    const auto label = labels.find(name);
    Node node{clean(name), clean(name), "task", "", false};
    if (label != labels.end()) {
      if (!label->second.title.empty()) node.label = clean(label->second.title);
      node.family = clean(label->second.family);
    }
    return tasks[name] = boost::add_vertex(node, graph);
  };
  for (const nlohmann::json& source : cell.at("sources")) graph[task(source)].labelled = true;
  for (const nlohmann::json& choice : cell.at("choices")) {
    const std::string name = choice.at("target");
    const Graph::vertex_descriptor target = task(name);
    const Edge edge{value_or_nan(choice, "affinity"), value_or_nan(choice, "gain"), value_or_nan(choice, "quality")};
    std::vector<std::string> sources = choice.at("sources");
    if (sources.size() == 1 && sources.front() == taxonomy::kSelf) sources.front() = name;
    if (sources.size() == 1) {
      boost::add_edge(task(sources.front()), target, edge, graph);
      continue;
    }
    std::string joined;
    for (const std::string& source : sources) joined += (joined.empty() ? "" : "+") + clean(source);
    const auto junction = boost::add_vertex(Node{joined + ">" + clean(name), "", "junction", "", false}, graph);
    for (const std::string& source : sources) boost::add_edge(task(source), junction, edge, graph);
    boost::add_edge(junction, target, edge, graph);
  }
  return graph;
}

std::string dot_quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string file_stem(const nlohmann::json& cell) {
  return fmt::format("taxonomy-b{:g}-o{}", cell.at("budget").get<double>(), cell.at("max_order").get<std::int64_t>());
}

}  // namespace

std::string taxonomy_graphml(const nlohmann::json& cell, const TaskLabels& labels) {
  Graph graph = make_graph(cell, labels);
  boost::dynamic_properties properties;
  properties.property("name", boost::get(&Node::name, graph));
  properties.property("label", boost::get(&Node::label, graph));
  properties.property("kind", boost::get(&Node::kind, graph));
  properties.property("family", boost::get(&Node::family, graph));
  properties.property("labelled", boost::get(&Node::labelled, graph));
  properties.property("affinity", boost::get(&Edge::affinity, graph));
  properties.property("gain", boost::get(&Edge::gain, graph));
  properties.property("quality", boost::get(&Edge::quality, graph));
  std::ostringstream text;
  boost::write_graphml(text, graph, properties, true);
  return text.str();
}

std::string taxonomy_dot(const nlohmann::json& cell, const TaskLabels& labels) {
  const Graph graph = make_graph(cell, labels);
  std::ostringstream text;
  const auto write_node = [&](std::ostream& out, Graph::vertex_descriptor vertex) {
    const Node& node = graph[vertex];
    if (node.kind == "junction") {
      out << "[shape=point, label=\"\", tooltip=" << dot_quoted(node.name) << "]";
    } else {
      out << "[label=" << dot_quoted(node.label) << ", tooltip=" << dot_quoted(node.name) << (node.labelled ? ", style=filled, fillcolor=lightblue]" : "]");
    }
  };
  const auto write_edge = [&](std::ostream& out, Graph::edge_descriptor edge) {
    const bool half = graph[boost::target(edge, graph)].kind == "junction";
    out << fmt::format("[tooltip=\"affinity {:.4g}, gain {:.3f}, quality {:.3f}\"{}]", graph[edge].affinity, graph[edge].gain, graph[edge].quality,
                       half ? ", arrowhead=none" : "");
  };
  const auto write_graph = [&](std::ostream& out) { out << "rankdir=LR;\nnode [shape=box, fontname=\"sans-serif\"];\n"; };
  boost::write_graphviz(text, graph, write_node, write_edge, write_graph);
  return text.str();
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
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    if (name.starts_with("taxonomy-b") && (extension == ".graphml" || extension == ".dot") && !written.contains(name)) old.push_back(entry.path());
  }
  for (const std::filesystem::path& path : old) std::filesystem::remove(path);
}

}  // namespace affinis::experiments
