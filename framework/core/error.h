#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/core.h>

namespace affinis {

/// What kind of thing went wrong; decides the program's exit code (kUsage: 2, everything else: 1).
enum class ErrorCode {
  kUsage,      ///< the command line or an option's value
  kConfig,     ///< an experiment file
  kIo,         ///< the operating system refused: missing, unreadable, read-only, full
  kFormat,     ///< a file that is not what its name says, or is damaged
  kData,       ///< well-formed data with wrong contents
  kNumeric,    ///< NaN, infinity, no convergence
  kDevice,     ///< an accelerator or a worker process
  kInternal,   ///< a defect of Affinis itself
  kCancelled,  ///< the user or a signal asked to stop
};

/// The lower-case word for `code`, as written to logs and done.json ("usage", "io", ...).
const char* error_code_name(ErrorCode code);

/// The one exception type of Affinis: a code, one sentence that names the file, field or value and what to do about it, and
/// context frames added while unwinding (outermost first), e.g. "job train rgb2depth: data set rooms: ...".
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string sentence);

  ErrorCode code() const { return code_; }
  const std::string& sentence() const { return sentence_; }
  const std::vector<std::string>& context() const { return context_; }

  /// Puts `frame` before the frames that are there already; returns *this for `throw e.within("...")`.
  Error& within(std::string frame);

  /// Context frames and sentence, joined by ": ".
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  ErrorCode code_;
  std::string sentence_;
  std::vector<std::string> context_;
  std::string text_;
};

/// Throws Error with a formatted sentence.
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

namespace detail {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

}  // namespace affinis

/// Throws affinis::Error(code, formatted sentence) when `condition` is false; the arguments are formatted only then.
#define AFFINIS_CHECK(condition, code, ...)        \
  do {                                             \
    if (!(condition)) [[unlikely]] {               \
      ::affinis::fail((code), __VA_ARGS__);        \
    }                                              \
  } while (false)

/// A condition that only a defect of Affinis can break; throws kInternal naming the place.
#define AFFINIS_ASSERT(condition)                                                  \
  do {                                                                             \
    if (!(condition)) [[unlikely]] {                                               \
      ::affinis::detail::assertion_failed(#condition, __FILE__, __LINE__);         \
    }                                                                              \
  } while (false)
