#include "framework/nn/synchronised_norms.h"

namespace affinis::nn {
namespace {

thread_local Collective* current_collective = nullptr;

}  // namespace

SynchronisedNorms::SynchronisedNorms(Collective* collective) : before_(current_collective) {
  current_collective = collective != nullptr && collective->size() > 1 ? collective : nullptr;
}

SynchronisedNorms::~SynchronisedNorms() { current_collective = before_; }

Collective* SynchronisedNorms::current() { return current_collective; }

}  // namespace affinis::nn
