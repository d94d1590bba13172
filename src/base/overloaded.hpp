// SPDX-License-Identifier: Apache-2.0
// One callable out of several lambdas, for std::visit.
#pragma once

namespace tandem {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace tandem
