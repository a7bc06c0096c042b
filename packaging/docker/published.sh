# shellcheck shell=sh
# published.sh - for other scripts: is_published, whether PUBLISH lets other machines reach the ports.
is_published() {
    case ${PUBLISH:-127.0.0.1} in
    127.* | localhost | ::1 | '[::1]') return 1 ;;
    esac
}
