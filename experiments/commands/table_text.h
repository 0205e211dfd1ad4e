#pragma once

#include <string>
#include <vector>

namespace affinis::experiments {

/// Writes `text` to standard output; throws Error(kIo) when that fails.
void write_result(const std::string& text);

/// A number with `digits` behind the point, "-" when it is missing.
std::string fixed(double value, int digits);

/// Rows as lines, columns padded to their widest cell and two blanks apart.
std::string padded(const std::vector<std::vector<std::string>>& rows);

}  // namespace affinis::experiments
