#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "framework/nn/module.h"

namespace affinis::nn {

/// Image size and network width; depth never changes. `paper` is Taskonomy's, `desk` is what two CPU cores can train.
struct Scale {
  std::string name;
  std::int64_t image_side = 256;
  std::int64_t width = 64;  ///< channels of the stem; the decoder's channels are divided by 64 / width
};

/// "paper" (256, 64) or "desk" (64, 16); throws Error(kUsage) otherwise.
Scale scale_by_name(const std::string& name);

/// Where a stage with stride 2 halves the image.
enum class StridePlacement {
  kLastUnit,   ///< last unit of the stage, on its 3x3 convolution, with a max-pool subsampled shortcut (TF-slim, Taskonomy)
  kFirstUnit,  ///< first unit, on its 3x3 convolution (torchvision)
};

struct EncoderOptions {
  std::int64_t input_channels = 3;
  std::int64_t width = 64;
  StridePlacement stride = StridePlacement::kLastUnit;
  std::int64_t representation_channels = 8;
};

/// Taskonomy's encoder: ResNet-50 to stride 16 without pooling, then a 3x3 convolution with BatchNorm and ReLU to 8 channels
/// (facts: taskonomy section 2.1). [N, 3, S, S] in [-1, 1] -> [N, 8, S/16, S/16]. 23,655,504 parameters at width 64.
std::unique_ptr<Module> make_encoder(const EncoderOptions& options);

/// ResNet-50 with torchvision's 320 state entries under torchvision's names. [N, 3, S, S] -> [N, classes].
std::unique_ptr<Module> make_resnet50(std::int64_t classes, StridePlacement stride = StridePlacement::kFirstUnit);

enum class OutputActivation { kTanh, kLinear };

struct DenseDecoderOptions {
  std::int64_t input_channels = 8;
  std::int64_t output_channels = 1;
  std::int64_t width = 64;
  OutputActivation output = OutputActivation::kLinear;
};

/// The 15-layer convolutional decoder (facts: taskonomy section 2.2). [N, C, s, s] -> [N, out, 16 s, 16 s]. At width 64 and 8 input
/// channels 16,453,009 parameters for one output channel, 16,453,299 for three.
std::unique_ptr<Module> make_dense_decoder(const DenseDecoderOptions& options);

struct QuarterDecoderOptions {
  std::int64_t input_channels = 8;
  std::int64_t output_channels = 313;
  std::int64_t width = 64;
};

/// Colourisation's decoder to a quarter of the image's side (section 2.2), linear. [N, C, s, s] -> [N, out, 4 s, 4 s].
std::unique_ptr<Module> make_quarter_decoder(const QuarterDecoderOptions& options);

struct VectorHeadOptions {
  std::int64_t input_features = 2048;
  std::int64_t outputs = 1;
  std::int64_t layers = 2;
  std::int64_t hidden = 2048;  ///< at width 64; scaled with the width by the caller
  double dropout = 0.5;
  bool batch_norm = true;
};

/// The fully connected head (section 2.2): flatten, then layers of linear + BatchNorm + ReLU + dropout, then linear; weights drawn
/// from a normal truncated at two deviations with deviation 0.01. [N, C, s, s] or [N, F] -> [N, outputs].
std::unique_ptr<Module> make_vector_head(const VectorHeadOptions& options);

/// A learned constant, the same for every input: the best constant guess once it is trained with a task's loss.
/// [N, ...] -> [N, shape...].
std::unique_ptr<Module> make_constant(const std::vector<std::int64_t>& shape);

}  // namespace affinis::nn
