#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/files.h"
#include "framework/core/json.h"
#include "framework/run/coordinator.h"
#include "framework/run/status.h"
#include "tests/framework/run/toy_jobs.h"

namespace affinis::run {

namespace fs = std::filesystem;

inline const std::string kProgram =
    std::string(AFFINIS_BINARY_DIR) + "/tests/framework/run/run_test_program";

/// Keeps warnings and errors.
class RecordingSink : public LogSink {
 public:
  explicit RecordingSink(std::vector<std::string>& lines) : lines_(lines) {}
  void event(LogLevel level, const std::string& message, const nlohmann::json&) override {
    if (level >= LogLevel::kWarning) lines_.push_back(message);
  }
  void progress(const std::string&, double, double, const std::string&) override {}
  void progress_end(const std::string&) override {}

 private:
  std::vector<std::string>& lines_;
};

/// A run's folder, a tally of what the toy jobs did, and ways to run a graph.
class RunTest : public ::testing::Test {
 protected:
  RunTest() {
    ::setenv("TOY_TALLY", tally_file().c_str(), 1);
    logger.add_sink(std::make_unique<RecordingSink>(warnings));
    options.devices = {"cpu:0", "cpu:1"};
  }
  ~RunTest() override { ::unsetenv("TOY_TALLY"); }

  fs::path folder() const { return temporary.path() / "run"; }
  fs::path tally_file() const { return temporary.path() / "tally"; }

  void add(const std::string& kind, const std::string& name, nlohmann::json spec,
           std::vector<std::string> inputs = {}, const std::string& group = {}, double cost = 1) {
    jobs.push_back({kind, name, std::move(spec), std::move(inputs), group, cost});
  }
  JobGraph graph() const {
    JobGraph result;
    for (const Job& job : jobs) result.add(job);
    return result;
  }
  RunSummary run(Crew* crew = nullptr) {
    return run_graph(graph(), toy::kinds(), folder(), options,
                     {kProgram, "worker", folder().string()}, logger, crew);
  }

  /// What the tally has of `what` ("start", "end", "step") by job, and clears nothing.
  std::map<std::string, int> tally(const std::string& what) const {
    std::map<std::string, int> counts;
    std::ifstream stream(tally_file());
    std::string line;
    while (std::getline(stream, line)) {
      std::istringstream words(line);
      std::string verb;
      std::string name;
      words >> verb >> name;
      if (verb == what) ++counts[name];
    }
    return counts;
  }
  std::vector<std::string> tally_lines() const {
    std::vector<std::string> lines;
    std::ifstream stream(tally_file());
    std::string line;
    while (std::getline(stream, line)) lines.push_back(line);
    return lines;
  }

  fs::path result_folder(const std::string& name) const {
    const JobGraph all = graph();
    return folder() / job_folder_name(all.job(name), all.identities(toy::kinds()).at(name));
  }
  std::string value(const std::string& name) const {
    return trim(read_file(result_folder(name) / "value.txt"));
  }

  TemporaryFolder temporary;
  std::vector<Job> jobs;
  RunOptions options;
  std::vector<std::string> warnings;
  Logger logger;
};

/// Every file below jobs/ with its bytes: log.jsonl left out, `seconds` taken out of done.json (both differ from run to run).
inline std::map<std::string, std::string> results(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder / "jobs")) {
    const std::string name = fs::relative(entry.path(), folder).string();
    if (!entry.is_regular_file() || entry.path().filename() == "log.jsonl") continue;
    if (entry.path().filename() == "done.json") {
      nlohmann::json done = read_json(entry.path());
      done.erase("seconds");
      files[name] = done.dump();
    } else {
      files[name] = read_file(entry.path());
    }
  }
  return files;
}

/// The test program as a child process.
class Child {
 public:
  explicit Child(const std::vector<std::string>& words, const fs::path& errors = "/dev/null") {
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      const int out = ::open("/dev/null", O_WRONLY);
      const int err = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
      ::dup2(out, STDOUT_FILENO);
      ::dup2(err, STDERR_FILENO);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
  }
  ~Child() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void signal(int number) const { ::kill(process_, number); }
  pid_t process() const { return process_; }
  /// Whether it has; `code` is then as wait() gives it, and the process is no more.
  bool has_ended(int& code) {
    if (process_ <= 0) return true;
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) != process_) return false;
    process_ = -1;
    code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    return true;
  }
  /// Exit code, or -signal.
  int wait() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  pid_t process_ = -1;
};

/// Waits until the condition holds; false when it does not within a generous time.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::seconds patience = std::chrono::seconds(30)) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < give_up) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return condition();
}

}  // namespace affinis::run
