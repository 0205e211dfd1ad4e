// run_test_program worker DIR --device X --threads N: a worker with the toy jobs.
// run_test_program run DIR GRAPH RETRIES WORKERS: a coordinator whose workers are this program. Prints {job: state}; exit code 0 when all
// is done, 1 when jobs failed, 3 with the sentence on standard error when run_graph throws.
// run_test_program slurm DIR GRAPH: the same through Slurm, whose array tasks are
// run_test_program array-task DIR --submission N --level L.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "framework/core/error.h"
#include "framework/core/json.h"
#include "framework/core/text.h"
#include "framework/run/coordinator.h"
#include "framework/run/slurm.h"
#include "tests/framework/run/toy_jobs.h"

namespace {

using namespace affinis;
using namespace affinis::run;

JobGraph read_graph(const std::string& file) {
  JobGraph graph;
  for (Job& job : toy::from_json(read_json(file))) graph.add(std::move(job));
  return graph;
}

int tell(const RunSummary& summary) {
  nlohmann::json states = nlohmann::json::object();
  for (const auto& [name, outcome] : summary.jobs) states[name] = static_cast<int>(outcome.state);
  fmt::print("{}\n", states.dump());
  return summary.complete() ? 0 : 1;
}

int run_on_slurm(const std::string& program, const std::string& folder, const std::string& graph_file) {
  Logger logger;
  logger.add_sink(make_terminal_sink());
  SlurmOptions slurm;
  slurm.poll_seconds = 0.2;
  return tell(run_graph_on_slurm(read_graph(graph_file), toy::kinds(), folder, {}, slurm,
                                 {program, "array-task", folder}, logger));
}

int run_coordinator(const std::string& program, const std::string& folder,
                    const std::string& graph_file, const std::string& retries,
                    const std::string& workers) {
  RunOptions options;
  options.retries = parse_integer(retries).value();
  options.devices.clear();
  for (std::int64_t at = 0; at < parse_integer(workers).value(); ++at)
    options.devices.push_back("cpu:" + std::to_string(at));
  Logger logger;
  return tell(run_graph(read_graph(graph_file), toy::kinds(), folder, options,
                        {program, "worker", folder}, logger));
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments, arguments + count);
  try {
    if (words.size() == 7 && words[1] == "worker") {
      Logger logger;
      return worker_main(toy::kinds(), words[2], words[4],
                         static_cast<int>(parse_integer(words[6]).value()), 0.1, logger);
    }
    if (words.size() == 6 && words[1] == "run")
      return run_coordinator(words[0], words[2], words[3], words[4], words[5]);
    if (words.size() == 4 && words[1] == "slurm") return run_on_slurm(words[0], words[2], words[3]);
    if (words.size() == 7 && words[1] == "array-task") {
      Logger logger;
      logger.add_sink(make_terminal_sink());
      return array_task_main(toy::kinds(), words[2], parse_integer(words[4]).value(),
                             parse_integer(words[6]).value(), {words[0], "worker", words[2]}, logger);
    }
    fmt::print(stderr, "unknown arguments\n");
    return 2;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 3;
  }
}
