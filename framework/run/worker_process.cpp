#include "framework/run/worker_process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/core/error.h"
#include "framework/run/messages.h"

extern char** environ;

namespace affinis::run {
namespace {

struct WorkerPipe {
  Descriptor read;
  Descriptor write;
};

/// A program that was started with its standard streams closed gets low numbers for pipes, which dup2() would then leave to close at exec.
Descriptor above_standard_streams(int number) {
  Descriptor low(number);
  return number > STDERR_FILENO || number < 0
             ? std::move(low)
             : Descriptor(::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

WorkerPipe make_worker_pipe() {
  int ends[2];
  AFFINIS_CHECK(::pipe2(ends, O_CLOEXEC) == 0, ErrorCode::kDevice,
                "no pipe to a worker can be made: {}", std::generic_category().message(errno));
  return {above_standard_streams(ends[0]), above_standard_streams(ends[1])};
}

/// This process's environment with a few variables set; made before fork(), after which nothing may allocate.
std::vector<std::string> environment(const WorkerStart& start) {
  const std::string threads = std::to_string(start.threads);
  const std::vector<std::string> ours = {
      std::string(kLockVariable) + "=" + std::to_string(start.lock_descriptor),
      "OMP_NUM_THREADS=" + threads, "MKL_NUM_THREADS=" + threads,
      "OPENBLAS_NUM_THREADS=" + threads};
  std::vector<std::string> all = ours;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    bool replaced = false;
    for (const std::string& each : ours) {
      replaced = replaced ||
                 text.substr(0, text.find('=')) == std::string_view(each).substr(0, each.find('='));
    }
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

struct ChildSetup {
  pid_t parent;
  int input;
  int output;
  int errors;
  int lock;
  int report;
};

/// Runs in the child between fork() and exec: only async-signal-safe calls.
[[noreturn]] void become_worker(const ChildSetup& setup, char* const* arguments,
                                char* const* variables) {
  // Threads of the parent may have blocked signals, and ignored ones stay ignored over exec.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
  // Slurm may warn every process of a task; a worker hears of a stop from its coordinator.
  ::signal(SIGUSR1, SIG_IGN);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != setup.parent) ::_exit(1);
  if (setup.lock >= 0) ::fcntl(setup.lock, F_SETFD, 0);
  ::dup2(setup.input, STDIN_FILENO);
  ::dup2(setup.output, STDOUT_FILENO);
  ::dup2(setup.errors, STDERR_FILENO);
  ::execvpe(arguments[0], arguments, variables);
  const int cause = errno;
  [[maybe_unused]] const ssize_t count = ::write(setup.report, &cause, sizeof cause);
  ::_exit(127);
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    std::string text = fmt::format("was ended by signal {} ({})", number, ::strsignal(number));
    if (number == SIGKILL) text += ", perhaps because memory ran out,";
    return text;
  }
  return fmt::format("ended by itself with exit code {}", WEXITSTATUS(status));
}

}  // namespace

WorkerProcess::WorkerProcess(const WorkerStart& start) : reader_(-1) {
  AFFINIS_CHECK(!start.command.empty(), ErrorCode::kInternal,
                "there is no command to start workers with");
  std::vector<std::string> words = start.command;
  words.insert(words.end(), {"--device", start.device, "--threads", std::to_string(start.threads)});
  std::vector<std::string> variables = environment(start);
  const std::vector<char*> argument_pointers = pointers(words);
  const std::vector<char*> variable_pointers = pointers(variables);

  WorkerPipe input = make_worker_pipe();
  WorkerPipe output = make_worker_pipe();
  WorkerPipe report = make_worker_pipe();
  const Descriptor errors = above_standard_streams(
      ::open(start.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  AFFINIS_CHECK(errors.is_open(), ErrorCode::kIo, "{} cannot be written: {}", start.log.string(),
                std::generic_category().message(errno));

  const ChildSetup setup{::getpid(),      input.read.number(),   output.write.number(),
                         errors.number(), start.lock_descriptor, report.write.number()};
  process_ = ::fork();
  AFFINIS_CHECK(process_ >= 0, ErrorCode::kDevice, "no worker can be started for {}: {}",
                start.device, std::generic_category().message(errno));
  if (process_ == 0) become_worker(setup, argument_pointers.data(), variable_pointers.data());

  report.write.close();
  int cause = 0;
  ssize_t count;
  do {
    count = ::read(report.read.number(), &cause, sizeof cause);
  } while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(sizeof cause)) {
    ::waitpid(process_, nullptr, 0);
    fail(ErrorCode::kDevice, "the worker program {} cannot be started: {}", start.command.front(),
         std::generic_category().message(cause));
  }
  input_ = std::move(input.write);
  output_ = std::move(output.read);
  ::fcntl(output_.number(), F_SETFL, ::fcntl(output_.number(), F_GETFL) | O_NONBLOCK);
  reader_ = MessageReader(output_.number());
}

WorkerProcess::~WorkerProcess() {
  if (ended()) return;
  kill();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void WorkerProcess::kill() {
  // The whole group: a wrapper's child must not outlive it.
  if (!ended_ && ::kill(-process_, SIGKILL) != 0) ::kill(process_, SIGKILL);
}

std::optional<std::string> WorkerProcess::ended() {
  if (ended_) return ended_;
  int status = 0;
  const pid_t found = ::waitpid(process_, &status, WNOHANG);
  if (found == process_) ended_ = describe(status);
  if (found < 0 && errno == ECHILD) ended_ = "is gone";
  return ended_;
}

}  // namespace affinis::run
