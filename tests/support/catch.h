// SPDX-License-Identifier: Apache-2.0
// One include for Catch2 version 2 (Debian 12) and version 3 (Ubuntu 24.04). Tests include nothing else of Catch2 and
// use version 2's spellings where the two differ.
#pragma once
#ifdef PLUMBLINE_CATCH3
#include <string>

#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace Catch {
inline auto Contains(const std::string& part) { return Matchers::ContainsSubstring(part); }
}  // namespace Catch
#else
#include <catch2/catch.hpp>
#endif
