#pragma once

#include "tests/framework/run/run_fixture.h"

namespace affinis::run {

/// A small experiment to be killed, carried out by a process tree of its own.
class KilledRun : public RunTest {
 protected:
  fs::path graph_file() const { return temporary.path() / "graph.json"; }

  /// Checkpointed jobs, jobs that need two of them, and one that needs all of those.
  void add_tree() {
    for (int at = 0; at < 4; ++at)
      add("steps", "first/" + std::to_string(at), {{"steps", 5}, {"seconds", 0.01}, {"seed", at}});
    for (int at = 0; at < 6; ++at) {
      add("sum", "second/" + std::to_string(at), {{"value", at}, {"seconds", 0.01}},
          {"first/" + std::to_string(at % 4), "first/" + std::to_string((at + 1) % 4)},
          "group" + std::to_string(at % 2));
    }
    add("sum", "third/all", {{"value", 0}},
        {"second/0", "second/1", "second/2", "second/3", "second/4", "second/5"});
    write_json(graph_file(), toy::to_json(jobs));
  }
  /// A coordinator of two workers.
  std::vector<std::string> command(int retries = 2) const {
    return {kProgram, "run", folder().string(), graph_file().string(), std::to_string(retries), "2"};
  }
};

}  // namespace affinis::run
