// SPDX-License-Identifier: Apache-2.0
#include "allocations.hpp"

#include <cstdlib>
#include <new>

namespace {
std::size_t count = 0;
}

// Not inlined: where a test's files are one unit, GCC would see malloc() and free() in callers, and
// warn that new and delete do not go together (-Wmismatched-new-delete).
[[gnu::noinline]] void* operator new(std::size_t size) {
  count++;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace tandem::balance {

std::size_t allocations() noexcept {
  return count;
}

}  // namespace tandem::balance
