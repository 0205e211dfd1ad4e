#pragma once

#include <string_view>

namespace affinis::detail {

/// A file that is being written is ".<stem><mark><process>-<number><extension>" until it is whole.
inline constexpr std::string_view kTemporaryMark = ".tmp-";

}  // namespace affinis::detail
