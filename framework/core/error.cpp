#include "framework/core/error.h"

#include <utility>

namespace affinis {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage: return "usage";
    case ErrorCode::kConfig: return "config";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kFormat: return "format";
    case ErrorCode::kData: return "data";
    case ErrorCode::kNumeric: return "numeric";
    case ErrorCode::kDevice: return "device";
    case ErrorCode::kInternal: return "internal";
    case ErrorCode::kCancelled: return "cancelled";
  }
  return "unknown";
}

Error::Error(ErrorCode code, std::string sentence)
    : std::runtime_error(sentence), code_(code), sentence_(std::move(sentence)), text_(sentence_) {}

Error& Error::within(std::string frame) {
  text_ = frame + ": " + text_;
  context_.insert(context_.begin(), std::move(frame));
  return *this;
}

namespace detail {
void assertion_failed(const char* expression, const char* file, int line) {
  fail(ErrorCode::kInternal, "internal check '{}' failed at {}:{}; this is a defect of Affinis, please report it",
       expression, file, line);
}
}  // namespace detail

}  // namespace affinis
