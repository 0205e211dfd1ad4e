#pragma once

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/hash.h"
#include "framework/core/text.h"
#include "framework/run/job.h"

namespace affinis::run::toy {

/// The file named by the environment variable TOY_TALLY gets one line for everything a toy job does: which jobs ran, how often, where.
inline void tally(const std::string& line) {
  const char* path = std::getenv("TOY_TALLY");
  if (!path) return;
  const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t count = ::write(file, text.data(), text.size());
  ::close(file);
}

inline void pause(const nlohmann::json& spec) {
  std::this_thread::sleep_for(std::chrono::duration<double>(spec.value("seconds", 0.0)));
}

inline std::int64_t read_value(const std::filesystem::path& folder) {
  return parse_integer(read_file(folder / "value.txt")).value();
}

inline void write_value(const JobContext& context, std::int64_t value) {
  std::ofstream(context.folder / "value.txt") << value << "\n";
}

/// spec.value plus the values of the inputs.
class Sum : public JobKind {
 public:
  explicit Sum(int version = 1) : version_(version) {}
  int version() const override { return version_; }
  void run(JobContext& context) const override {
    tally("start " + context.job.name + " " + context.device + " " + std::to_string(::getpid()));
    pause(context.job.spec);
    std::int64_t value = context.job.spec.value("value", std::int64_t{0});
    for (const auto& [name, folder] : context.inputs) value += read_value(folder);
    write_value(context, value);
    context.metrics["value"] = static_cast<double>(value);
    tally("end " + context.job.name);
  }

 private:
  int version_;
};

/// A chain of hashes with a checkpoint after every step: what it ends with depends on every step having run exactly once, in order.
class Steps : public JobKind {
 public:
  void run(JobContext& context) const override {
    tally("start " + context.job.name);
    const auto steps = context.job.spec.at("steps").get<std::int64_t>();
    const std::filesystem::path checkpoint = context.folder / "checkpoint.txt";
    std::int64_t step = 0;
    std::string state = context.job.spec.dump();
    for (const auto& [name, folder] : context.inputs) state += read_file(folder / "value.txt");
    if (std::filesystem::exists(checkpoint)) {
      const std::vector<std::string> parts = split(read_file(checkpoint), ' ');
      step = parse_integer(parts.at(0)).value();
      state = parts.at(1);
    }
    while (step < steps) {
      pause(context.job.spec);
      state = hash128_hex(state);
      ++step;
      write_file_atomically(checkpoint, std::to_string(step) + " " + state);
      tally("step " + context.job.name);
      context.progress(static_cast<double>(step), static_cast<double>(steps),
                       "step " + std::to_string(step));
    }
    std::ofstream(context.folder / "value.txt") << hash64(state) % 1000 << "\n";
    tally("end " + context.job.name);
  }
};

/// Kills its own process by a signal in the first spec.times attempts.
class Crash : public JobKind {
 public:
  void run(JobContext& context) const override {
    tally("start " + context.job.name);
    const std::filesystem::path file = context.folder / "attempts.txt";
    const std::int64_t earlier =
        std::filesystem::exists(file) ? parse_integer(read_file(file)).value() : 0;
    if (earlier < context.job.spec.at("times").get<std::int64_t>()) {
      write_file_atomically(file, std::to_string(earlier + 1));
      const auto signal = context.job.spec.value("signal", SIGKILL);
      if (signal == 0) std::_Exit(7);
      ::raise(signal);
    }
    std::filesystem::remove(file);
    write_value(context, earlier);
  }
};

/// Kills the coordinator that started this worker in the first spec.times attempts.
class KillCoordinator : public JobKind {
 public:
  void run(JobContext& context) const override {
    tally("start " + context.job.name);
    const std::filesystem::path file = context.folder / "attempts.txt";
    const std::int64_t earlier =
        std::filesystem::exists(file) ? parse_integer(read_file(file)).value() : 0;
    if (earlier < context.job.spec.at("times").get<std::int64_t>()) {
      write_file_atomically(file, std::to_string(earlier + 1));
      ::kill(::getppid(), SIGKILL);
      for (;;) ::pause();
    }
    std::filesystem::remove(file);
    write_value(context, earlier);
  }
};

/// Throws: spec.code names the affinis::Error's code, "foreign" a std::runtime_error, "number" an int.
class Throw : public JobKind {
 public:
  void run(JobContext& context) const override {
    tally("start " + context.job.name);
    const auto code = context.job.spec.at("code").get<std::string>();
    if (code == "foreign") throw std::runtime_error("a library is unhappy\nframe 1\nframe 2");
    if (code == "number") throw 42;
    for (const ErrorCode each : {ErrorCode::kConfig, ErrorCode::kIo, ErrorCode::kData,
                                 ErrorCode::kNumeric, ErrorCode::kDevice}) {
      if (code == error_code_name(each)) fail(each, "the {} of this job is wrong", code);
    }
    fail(ErrorCode::kInternal, "no such code");
  }
};

/// Prints to standard output as a careless library would, and says what its environment is.
class Chatty : public JobKind {
 public:
  void run(JobContext& context) const override {
    std::puts("{\"event\": \"done\", \"name\": \"another job\"}");
    std::puts("not a message");
    std::fflush(stdout);
    context.logger.warning("the lamp flickers");
    const char* threads = std::getenv("OMP_NUM_THREADS");
    std::ofstream(context.folder / "value.txt") << (threads ? threads : "0") << "\n";
  }
};

/// Fills the disk below its folder.
class Fill : public JobKind {
 public:
  void run(JobContext& context) const override {
    write_file_atomically(context.folder / "large.bin",
                          std::string(context.job.spec.at("bytes").get<std::size_t>(), 'x'));
    write_value(context, 1);
  }
};

inline JobKinds kinds(int sum_version = 1) {
  JobKinds kinds("job kind");
  kinds.add("sum", {}, std::make_shared<Sum>(sum_version));
  kinds.add("steps", {}, std::make_shared<Steps>());
  kinds.add("crash", {}, std::make_shared<Crash>());
  kinds.add("kill_coordinator", {}, std::make_shared<KillCoordinator>());
  kinds.add("throw", {}, std::make_shared<Throw>());
  kinds.add("chatty", {}, std::make_shared<Chatty>());
  kinds.add("fill", {}, std::make_shared<Fill>());
  return kinds;
}

/// A graph as JSON, for the test program: [{"kind", "name", "spec", "inputs", "group", "cost"}].
inline nlohmann::json to_json(const std::vector<Job>& jobs) {
  nlohmann::json list = nlohmann::json::array();
  for (const Job& job : jobs) {
    list.push_back({{"kind", job.kind},
                    {"name", job.name},
                    {"spec", job.spec},
                    {"inputs", job.inputs},
                    {"group", job.group},
                    {"cost", job.cost}});
  }
  return list;
}

inline std::vector<Job> from_json(const nlohmann::json& list) {
  std::vector<Job> jobs;
  for (const nlohmann::json& job : list) {
    jobs.push_back({job.at("kind").get<std::string>(), job.at("name").get<std::string>(),
                    job.at("spec"), job.at("inputs").get<std::vector<std::string>>(),
                    job.at("group").get<std::string>(), job.at("cost").get<double>()});
  }
  return jobs;
}

}  // namespace affinis::run::toy
