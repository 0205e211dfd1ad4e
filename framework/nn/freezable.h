#pragma once

#include <string>
#include <vector>

namespace affinis::nn {

/// What a module offers beside nn::Module when single parts of it can stand still while others learn. Every wrapped LibTorch module does.
/// Ask with dynamic_cast: a plug-in's module need not have it.
class Freezable {
 public:
  virtual ~Freezable() = default;
  /// From now on submodules whose parameters are all among these (names as in Module::parameters) stay in evaluation mode, however
  /// set_training() is called: BatchNorm normalises by its running statistics and leaves them alone, dropout passes everything on. An
  /// empty list ends it.
  virtual void hold_in_evaluation(const std::vector<std::string>& parameters) = 0;
};

}  // namespace affinis::nn
