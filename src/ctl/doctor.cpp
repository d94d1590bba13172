// SPDX-License-Identifier: Apache-2.0
// tandemctl doctor: what is wrong with this node, and what fixes it.
#include <algorithm>
#include <filesystem>
#include <ostream>
#include <thread>

#include "control/requests.hpp"
#include "ctl/command.hpp"
#include "ctl/doctor/examination.hpp"
#include "ctl/doctor/fixes.hpp"
#include "ctl/options.hpp"
#include "ctl/render.hpp"

namespace tandem::ctl {

namespace po = boost::program_options;
using nlohmann::json;

namespace {

constexpr const char* kDefaultFile = "/etc/tandem/tandem.toml";
constexpr std::uint64_t kLongestListen = 600;  // seconds
constexpr Duration kPatience = std::chrono::seconds(5);
constexpr Duration kBetweenSamples = std::chrono::milliseconds(100);
constexpr std::uint64_t kEvents = 1000;

void doctor_options(po::options_description& named, po::positional_options_description&) {
  named.add_options()("config,c", po::value<std::string>()->value_name("FILE"),
                      "the configuration; default: the running daemon's, or "
                      "/etc/tandem/tandem.toml")("fix", "do what is safe, and tell what was done")(
      "all", "list what is good as well")(
      "listen",
      po::value<std::uint64_t>()->value_name("SECONDS")->default_value(3)->notifier(
          within("--listen", 0, kLongestListen)),
      "how long to listen for adverts and answers to probes; 0: neither");
}

// What the daemon says over a while, or why it does not.
struct Watched {
  std::optional<doctor::DaemonView> view;
  std::string trouble;
};

Called<doctor::DaemonView> watch(control::Client client, Duration duration) {
  const auto end = MonotonicClock::now() + duration;
  auto events = client.call("events", control::EventsRequest{0, 1}.to_json());
  if (!events) return std::unexpected(events.error());
  std::vector<json> samples;
  do {
    auto sample = client.call("vrrp", control::VrrpRequest{}.to_json());
    if (!sample) return std::unexpected(sample.error());
    samples.push_back(std::move(*sample));
    std::this_thread::sleep_for(kBetweenSamples);
  } while (MonotonicClock::now() < end);
  auto status = client.call("status", control::StatusRequest{}.to_json());
  if (!status) return std::unexpected(status.error());
  const auto after = events->at("last_sequence").get<std::uint64_t>();
  events = client.call("events", control::EventsRequest{after, kEvents}.to_json());
  if (!events) return std::unexpected(events.error());
  return doctor::DaemonView::parse(*status, samples, *events);
}

// The advice behind it is for who wanted the daemon to do something.
std::string first_sentence(const std::string& message) {
  return message.substr(0, message.find(". "));
}

Watched ask_daemon(const std::string& socket, Duration duration) {
  auto client = control::Client::connect(socket, kPatience);
  if (!client) return {std::nullopt, first_sentence(client.error().message)};
  try {
    auto view = watch(std::move(*client), duration);
    if (view) return {std::move(*view), ""};
    return {std::nullopt, view.error().message};
  } catch (const json::exception& error) {
    return {std::nullopt, std::string("the daemon's answer is not what this tandemctl expects; are "
                                      "both of the same version? ") +
                              error.what()};
  }
}

doctor::Question question_of(const LocalContext& local, const po::variables_map& options) {
  const Duration listen = std::chrono::seconds(options["listen"].as<std::uint64_t>());
  auto watched = ask_daemon(local.socket, listen);
  doctor::Question question;
  const auto file = given<std::string>(options, "config");
  question.config_file = file           ? absolute_path(*file)
                         : watched.view ? watched.view->config_file
                                        : kDefaultFile;
  question.daemon = std::move(watched.view);
  question.unreachable = std::move(watched.trouble);
  question.listen = listen;
  return question;
}

Tint tint_of(doctor::Severity severity) {
  switch (severity) {
    case doctor::Severity::error:
      return Tint::bad;
    case doctor::Severity::warning:
      return Tint::warn;
    case doctor::Severity::ok:
      return Tint::good;
    case doctor::Severity::note:
      break;
  }
  return Tint::none;
}

json finding_document(const doctor::Finding& finding) {
  const auto& about = doctor::describe(finding.check);
  return {{"check", about.name},
          {"area", doctor::to_string(about.area)},
          {"severity", doctor::to_string(finding.severity)},
          {"subject", finding.subject},
          {"what", finding.what},
          {"why", about.why},
          {"fix", finding.fix.empty() ? json() : json(finding.fix)}};
}

json findings_document(const std::vector<doctor::Finding>& findings) {
  json list = json::array();
  for (const auto& finding : findings) list.push_back(finding_document(finding));
  return list;
}

std::string indented(const std::string& text, const char* first, const char* others) {
  std::string result = first;
  for (const char c : text) {
    result += c;
    if (c == '\n') result += others;
  }
  return result + "\n";
}

std::string finding_text(const doctor::Finding& finding, const Style& style) {
  constexpr std::size_t kSeverityWidth = 9;
  std::string severity = doctor::to_string(finding.severity);
  const std::string gap(kSeverityWidth - severity.size(), ' ');
  std::string text = "  " + style.tint(tint_of(finding.severity), severity) + gap +
                     printable(finding.subject) + ": " + printable(finding.what) + "\n";
  if (finding.severity == doctor::Severity::ok) return text;
  text += std::string("           ") + doctor::describe(finding.check).why + "  [" +
          doctor::describe(finding.check).name + "]\n";
  if (!finding.fix.empty())
    text += indented(printable(finding.fix, true), "             $ ", "             $ ");
  return text;
}

std::string counts_line(const std::vector<doctor::Finding>& findings) {
  const auto count = [&](doctor::Severity severity, const char* word) {
    const auto n = std::ranges::count(findings, severity, &doctor::Finding::severity);
    return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
  };
  return count(doctor::Severity::error, "error") + ", " +
         count(doctor::Severity::warning, "warning") + ", " +
         count(doctor::Severity::note, "note") + "; " +
         std::to_string(
             std::ranges::count(findings, doctor::Severity::ok, &doctor::Finding::severity)) +
         " good\n";
}

json done_document(const std::vector<doctor::Done>& done) {
  json list = json::array();
  for (const auto& one : done)
    list.push_back({{"what", doctor::describe(one.action)},
                    {"trouble", one.trouble.empty() ? json() : json(one.trouble)}});
  return list;
}

std::string done_text(const std::vector<doctor::Done>& done, const Style& style) {
  if (done.empty()) return "Nothing to fix.\n\n";
  std::string text = style.tint(Tint::strong, "Fixed") + "\n";
  for (const auto& one : done)
    text += one.trouble.empty() ? "  " + doctor::describe(one.action) + "\n"
                                : "  " + style.tint(Tint::bad, "not fixed: " + one.trouble) + "\n";
  const std::string commands = doctor::permanence(done);
  if (!commands.empty())
    text += "To keep it after the next start:\n" +
            indented(commands.substr(0, commands.size() - 1), "  $ ", "  $ ");
  return text + "\n";
}

Exit verdict(const std::vector<doctor::Finding>& findings) {
  const bool bad = std::ranges::any_of(findings, [](const doctor::Finding& finding) {
    return finding.severity <= doctor::Severity::warning;
  });
  return bad ? kRefused : kGood;
}

Exit run_doctor(const LocalContext& local, const po::variables_map& options) {
  const auto question = question_of(local, options);
  auto findings = doctor::examine(question);
  const bool fix = options.count("fix") != 0;
  std::vector<doctor::Done> done;
  if (fix) {
    done = doctor::carry_out(doctor::Root(), doctor::planned(findings));
    if (!done.empty()) findings = doctor::examine(question);
  }
  if (local.json) {
    json document = findings_document(findings);
    if (fix) document = {{"done", done_document(done)}, {"findings", std::move(document)}};
    local.out << document.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
  } else {
    local.out << (fix ? done_text(done, local.style) : "")
              << render_doctor(findings, options.count("all") != 0, local.style);
  }
  return verdict(findings);
}

}  // namespace

std::string render_doctor(const std::vector<doctor::Finding>& findings, bool all,
                          const Style& style) {
  std::string text;
  std::string area;
  for (const auto& finding : findings) {
    if (finding.severity == doctor::Severity::ok && !all) continue;
    const std::string its_area = doctor::to_string(doctor::describe(finding.check).area);
    if (its_area != area)
      text += (text.empty() ? "" : "\n") + style.tint(Tint::strong, its_area) + "\n";
    area = its_area;
    text += finding_text(finding, style);
  }
  return text + (text.empty() ? "" : "\n") + counts_line(findings);
}

const Command kDoctor{
    "doctor",
    "[--fix]",
    "what is wrong with this node, why it matters, and the command that fixes it",
    "Looks at the configuration, the kernel, interfaces, firewall, sysctls, other VRRP speakers "
    "and\n"
    "address conflicts, and tells what is wrong, the worst first. Works without a running daemon,\n"
    "and asks it if it runs. Needs root. --fix does what can neither cut traffic nor open\n"
    "anything: sysctls and the BPF file system. The exit status is 1 if there is an error or a\n"
    "warning, after --fix if there still is one. docs/doctor.md lists all that is looked at.\n",
    {},
    doctor_options,
    nullptr,
    nullptr,
    run_doctor,
};

}  // namespace tandem::ctl
