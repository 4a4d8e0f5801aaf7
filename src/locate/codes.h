// SPDX-License-Identifier: Apache-2.0
// The one registry of diagnostic codes: what each means and what to do about it.
// Invariant: a code is never reused for another meaning; every code that a finding carries stands here.
#pragma once
#include <span>
#include <string_view>

namespace plumbline {

// P01xx structure, P02xx values, P03xx non-finite, P04xx provenance, P05xx policy, P06xx causes (src/diagnose),
// P07xx checkpoints (src/model/audit.h).
namespace code {
inline constexpr std::string_view kShapes = "P0101";
inline constexpr std::string_view kOneSided = "P0102";
inline constexpr std::string_view kNothingCompared = "P0103";
inline constexpr std::string_view kNotJudged = "P0104";
inline constexpr std::string_view kMapRule = "P0105";
inline constexpr std::string_view kOwnError = "P0201";
inline constexpr std::string_view kMismatch = "P0202";
inline constexpr std::string_view kOtherContract = "P0203";
inline constexpr std::string_view kOtherFormat = "P0204";
inline constexpr std::string_view kValuesDiffer = "P0205";
inline constexpr std::string_view kReferenceOutlier = "P0206";
inline constexpr std::string_view kInheritedFromOutside = "P0207";
inline constexpr std::string_view kBeyondNoise = "P0208";
inline constexpr std::string_view kIllConditioned = "P0209";
inline constexpr std::string_view kNonFinite = "P0301";
inline constexpr std::string_view kNonFiniteBoth = "P0302";
inline constexpr std::string_view kOtherCheckpoint = "P0401";
inline constexpr std::string_view kTokensDiffer = "P0402";
inline constexpr std::string_view kParameterDiffers = "P0403";
inline constexpr std::string_view kParameterOneSided = "P0404";
inline constexpr std::string_view kTokensFork = "P0405";
inline constexpr std::string_view kOtherModel = "P0406";
inline constexpr std::string_view kSettingsDiffer = "P0407";
inline constexpr std::string_view kFormatsDiffer = "P0408";
inline constexpr std::string_view kCoverage = "P0501";
inline constexpr std::string_view kTapMissing = "P0502";
inline constexpr std::string_view kLimit = "P0503";
inline constexpr std::string_view kNotAllowed = "P0504";
inline constexpr std::string_view kWaiverUnused = "P0505";
inline constexpr std::string_view kWaiverExpired = "P0506";
inline constexpr std::string_view kEpsilon = "P0601";
inline constexpr std::string_view kWeightUse = "P0602";
inline constexpr std::string_view kPartLost = "P0603";
inline constexpr std::string_view kStatistic = "P0604";
inline constexpr std::string_view kLeftOut = "P0605";
inline constexpr std::string_view kBias = "P0606";
inline constexpr std::string_view kOtherWeight = "P0607";
inline constexpr std::string_view kTransposed = "P0608";
inline constexpr std::string_view kQuantised = "P0609";
inline constexpr std::string_view kClamped = "P0610";
inline constexpr std::string_view kStaleTile = "P0611";
inline constexpr std::string_view kOrder = "P0612";
inline constexpr std::string_view kAccumulator = "P0613";
inline constexpr std::string_view kTheta = "P0614";
inline constexpr std::string_view kRopeScaling = "P0615";
inline constexpr std::string_view kPosition = "P0616";
inline constexpr std::string_view kPairing = "P0617";
inline constexpr std::string_view kHeadMap = "P0618";
inline constexpr std::string_view kScale = "P0619";
inline constexpr std::string_view kMask = "P0620";
inline constexpr std::string_view kActivation = "P0621";
inline constexpr std::string_view kWrongInput = "P0622";
inline constexpr std::string_view kCacheSlot = "P0623";
inline constexpr std::string_view kStorage = "P0624";
inline constexpr std::string_view kUnwritten = "P0625";
inline constexpr std::string_view kRow = "P0626";
inline constexpr std::string_view kSoftmax = "P0627";
inline constexpr std::string_view kParameterMissing = "P0701";
inline constexpr std::string_view kHeadMissing = "P0702";
inline constexpr std::string_view kParameterShape = "P0703";
inline constexpr std::string_view kParameterDtype = "P0704";
inline constexpr std::string_view kDeniedBias = "P0705";
inline constexpr std::string_view kUnusedTensor = "P0706";
inline constexpr std::string_view kShardContradiction = "P0707";
inline constexpr std::string_view kNonFiniteWeights = "P0708";
inline constexpr std::string_view kUnwrittenWeights = "P0709";
inline constexpr std::string_view kConstantWeights = "P0710";
inline constexpr std::string_view kRepeatedWeights = "P0711";
inline constexpr std::string_view kEqualTensors = "P0712";
inline constexpr std::string_view kOtherHead = "P0713";
inline constexpr std::string_view kTransposedSquare = "P0714";
inline constexpr std::string_view kUnusualTheta = "P0715";
inline constexpr std::string_view kSmallEmbedding = "P0716";
}  // namespace code

struct CodePage {
  std::string_view code;
  std::string_view title;
  std::string_view text;  ///< plain paragraphs, at most 78 columns wide
};

/// Those of P06xx (cause_pages.cpp).
std::span<const CodePage> cause_pages();
/// Those of P07xx (audit_pages.cpp).
std::span<const CodePage> audit_pages();
/// All pages, in ascending order of their codes.
std::span<const CodePage> code_pages();
/// The page of a code ("P0201", letters in either case), or nullptr.
const CodePage* find_code_page(std::string_view code);

}  // namespace plumbline
