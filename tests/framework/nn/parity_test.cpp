// The networks against plain PyTorch's; write_expected.py made the values and says what each file holds.
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/nn/networks.h"
#include "framework/nn/safetensors.h"

namespace affinis::nn {
namespace {

constexpr const char* kExpected = AFFINIS_SOURCE_DIR "/tests/framework/nn/expected/";

struct Case {
  std::string file;
  std::function<std::unique_ptr<Module>()> make;
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.file; }

std::vector<Case> cases() {
  return {
      {"encoder_last_unit", [] { return make_encoder({.width = 3}); }},
      {"encoder_first_unit", [] { return make_encoder({.width = 3, .stride = StridePlacement::kFirstUnit}); }},
      {"dense_decoder",
       [] {
         return make_dense_decoder({.input_channels = 16, .output_channels = 3, .width = 4, .output = OutputActivation::kTanh});
       }},
      {"dense_decoder_one_channel", [] { return make_dense_decoder({.width = 4}); }},
      {"quarter_decoder", [] { return make_quarter_decoder({.output_channels = 11, .width = 2}); }},
      {"vector_head",
       [] { return make_vector_head({.input_features = 32, .outputs = 5, .layers = 3, .hidden = 12, .dropout = 0}); }},
      {"vector_head_no_norm",
       [] {
         return make_vector_head(
             {.input_features = 32, .outputs = 5, .layers = 3, .hidden = 12, .dropout = 0, .batch_norm = false});
       }},
  };
}

class Parity : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    for (const NamedTensor& entry : read_safetensors(kExpected + GetParam().file + ".safetensors").tensors) {
      expected_[entry.name] = entry.tensor;
      if (entry.name.starts_with("state.")) state_.push_back({entry.name.substr(6), entry.tensor});
    }
    module_ = GetParam().make();
    load_state(*module_, state_);
  }

  static std::string difference(const at::Tensor& ours, const at::Tensor& theirs, double tolerance) {
    if (ours.sizes() != theirs.sizes()) return "shapes differ";
    const double scale = std::max(1e-12, theirs.abs().max().item<double>());
    const double worst = (ours - theirs).abs().max().item<double>();
    if (worst <= tolerance * scale) return {};
    std::ostringstream text;
    text << "largest difference " << worst << " at a scale of " << scale;
    return text.str();
  }

  std::map<std::string, at::Tensor> expected_;
  std::vector<NamedTensor> state_;
  std::unique_ptr<Module> module_;
};

TEST_P(Parity, EvaluationMode) {
  const at::AutoGradMode no_grad(false);
  module_->set_training(false);
  EXPECT_EQ(difference(module_->forward(expected_.at("input")), expected_.at("eval"), 1e-5), "");
}

TEST_P(Parity, EvaluationModeWithGradients) {
  module_->set_training(false);
  EXPECT_EQ(difference(module_->forward(expected_.at("input")).detach(), expected_.at("eval"), 1e-5), "");
}

TEST_P(Parity, TrainingModeStatisticsAndGradients) {
  module_->set_training(true);
  at::Tensor input = expected_.at("input").clone().requires_grad_(true);
  const at::Tensor output = module_->forward(input);
  EXPECT_TRUE(output.is_contiguous());
  EXPECT_EQ(difference(output.detach(), expected_.at("train"), 1e-5), "");
  (output * expected_.at("probe")).sum().backward();

  std::map<std::string, at::Tensor> gradients = {{"input", input.grad()}};
  for (const NamedTensor& parameter : module_->parameters()) gradients[parameter.name] = parameter.tensor.grad();
  std::map<std::string, at::Tensor> buffers;
  for (const NamedTensor& buffer : module_->buffers()) buffers[buffer.name] = buffer.tensor;
  int compared = 0;
  for (const auto& [name, value] : expected_) {
    if (name.starts_with("grad.")) {
      EXPECT_EQ(difference(gradients.at(name.substr(5)), value, 1e-4), "") << name;
      ++compared;
    }
    if (name.starts_with("after.")) {
      EXPECT_EQ(difference(buffers.at(name.substr(6)).to(at::kDouble), value.to(at::kDouble), 1e-5), "") << name;
    }
  }
  EXPECT_GE(compared, 4);
}

TEST_P(Parity, FormatOfTheInputDoesNotMatter) {
  const at::Tensor input = expected_.at("input");
  if (input.dim() != 4) GTEST_SKIP() << "not an image";
  module_->set_training(false);
  EXPECT_EQ(difference(module_->forward(input.contiguous(at::MemoryFormat::ChannelsLast)).detach(), expected_.at("eval"), 1e-5), "");
  const at::Tensor strided = at::cat({input, input}, 3).slice(3, 0, input.size(3));
  EXPECT_EQ(difference(module_->forward(strided).detach(), expected_.at("eval"), 1e-5), "");
}

INSTANTIATE_TEST_SUITE_P(Networks, Parity, testing::ValuesIn(cases()),
                         [](const testing::TestParamInfo<Case>& each) { return each.param.file; });

TEST(ResNet50, HasTorchvisionsStateEntries) {
  std::map<std::string, std::string> wanted;
  std::ifstream list(std::string(kExpected) + "resnet50_state.txt");
  for (std::string name, type, shape; list >> name >> type >> shape;) wanted[name] = type + " " + shape;
  ASSERT_EQ(wanted.size(), 320U);

  const std::unique_ptr<Module> module = make_resnet50(1000);
  EXPECT_EQ(module->parameters().size(), 161U);
  EXPECT_EQ(module->buffers().size(), 159U);
  EXPECT_EQ(parameter_count(*module), 25'557'032);
  std::map<std::string, std::string> ours;
  for (const NamedTensor& entry : state_of(*module)) {
    std::string shape;
    for (const std::int64_t side : entry.tensor.sizes()) shape += (shape.empty() ? "" : "x") + std::to_string(side);
    ours[entry.name] = std::string(entry.tensor.scalar_type() == at::kLong ? "int64 " : "float32 ") + (shape.empty() ? "scalar" : shape);
  }
  EXPECT_EQ(ours, wanted);
  EXPECT_EQ(module->forward(at::zeros({2, 3, 64, 64})).sizes(), (std::vector<std::int64_t>{2, 1000}));
}

}  // namespace
}  // namespace affinis::nn
