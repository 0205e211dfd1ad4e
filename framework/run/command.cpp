#include "framework/run/command.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/core/error.h"
#include "framework/run/pipes.h"

extern char** environ;

namespace affinis::run {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  int ends[2];
  AFFINIS_CHECK(::pipe2(ends, O_CLOEXEC) == 0, ErrorCode::kDevice,
                "no pipe to another program can be made: {}",
                std::generic_category().message(errno));
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

/// False at the end of the stream.
bool read_some(int descriptor, std::string& text) {
  std::array<char, 4096> bytes;
  const ssize_t count = ::read(descriptor, bytes.data(), bytes.size());
  if (count > 0) text.append(bytes.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

}  // namespace

CommandResult run_command(const std::vector<std::string>& words) {
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  Pipe output = make_pipe();
  Pipe errors = make_pipe();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output.write.number(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.write.number(), STDERR_FILENO);
  pid_t process = 0;
  const int cause =
      ::posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  AFFINIS_CHECK(cause == 0, ErrorCode::kDevice, "the program '{}' cannot be started: {}",
                words.front(), std::generic_category().message(cause));
  output.write.close();
  errors.write.close();

  CommandResult result;
  std::array<pollfd, 2> polled = {
      {{output.read.number(), POLLIN, 0}, {errors.read.number(), POLLIN, 0}}};
  std::array<std::string*, 2> texts = {&result.output, &result.errors};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    for (std::size_t at = 0; at < polled.size(); ++at) {
      // poll() passes over negative descriptors.
      if (polled[at].fd >= 0 && polled[at].revents != 0 && !read_some(polled[at].fd, *texts[at]))
        polled[at].fd = -1;
    }
  }
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  constexpr int kSignalled = 128;
  result.code = WIFSIGNALED(status) ? kSignalled + WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace affinis::run
