# shellcheck shell=bash disable=SC2154
# images.sh - for compose.sh: stands in for the images that docker-compose.yml and the Dockerfile name, under their
# names, made of Debian's packages and this machine's Citus. Nothing of them is kept.

image_of() {
    sed -n "s|^ *image: \($1:.*\)|\1|p" docker-compose.yml | head -n 1
}

# Debian with nothing else, from where this machine's apt has it, with the certificates that this machine trusts.
make_debian() {
    local name
    name=$(sed -n 's/^FROM \([^ ]*\).*/\1/p' Dockerfile | sort -u)
    if ! docker image inspect "$name" >/dev/null 2>&1; then
        apt-get indextargets --format "\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 'Origin: Debian' |
            sort -u | awk '{ print "deb", $1, $2, $3 }' >"$work/sources.list"
        mmdebstrap --variant=minbase --include=ca-certificates --dpkgopt=force-unsafe-io \
            --customize-hook="cp /etc/ssl/certs/ca-certificates.crt \"\$1/etc/ssl/certs/\"" \
            bookworm - "$work/sources.list" 2>"$work/mmdebstrap.log" |
            docker import -c 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' - "$name"
    fi
    docker tag "$name" debian:stand-in
}

make_citus() {
    mkdir "$work/citus"
    cp tests/containers/citus/* "$work/citus"
    tar -cC / "$(pg_config --pkglibdir | cut -c 2-)" "$(pg_config --sharedir | cut -c 2-)/extension" |
        tar -xC "$work/citus" --wildcards '*/citus*'
    docker build -t "$(image_of citusdata/citus)" "$work/citus"
}

make_images() {
    quietly make_debian
    quietly docker build -t "$(image_of redis)" tests/containers/redis
    quietly make_citus
    quietly compose build
}
